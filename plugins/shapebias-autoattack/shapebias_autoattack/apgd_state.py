"""The state of APGD, and how each line of its algorithm updates it."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ActiveBatch, LpBall

__all__ = ["ApgdState"]


@attrs.define(eq=False)
class ApgdState:
    """Iterates and step sizes of the M images of a batch, in the terms of algorithm 1; a row for each image."""

    classes: Tensor  # label, or label and target
    x: Tensor
    previous: Tensor  # x of the previous step
    gradient: Tensor
    value: Tensor
    best: Tensor  # x_max
    best_gradient: Tensor
    best_value: Tensor  # f_max
    best_value_at_checkpoint: Tensor
    increases: Tensor  # steps since the last checkpoint that raised the objective
    halved: Tensor  # whether the step size was halved at that checkpoint
    step_size: Tensor

    @classmethod
    def begin(cls, start: Tensor, classes: Tensor, step_size: float) -> ApgdState:
        """Begin at points (M, 3, H, W) that have not been evaluated yet."""
        unknown = start.new_full((len(start),), torch.inf)
        return cls(
            classes=classes,
            x=start,
            previous=start,
            gradient=torch.zeros_like(start),
            value=unknown,
            best=start,
            best_gradient=torch.zeros_like(start),
            best_value=-unknown,
            best_value_at_checkpoint=-unknown,
            increases=torch.zeros(len(start), dtype=torch.long, device=start.device),
            halved=torch.zeros(len(start), dtype=torch.bool, device=start.device),
            step_size=start.new_full((len(start), 1, 1, 1), step_size),
        )

    def drop_finished(self, batch: ActiveBatch) -> None:
        """Keep the rows of the images that are still in the batch."""
        for field in attrs.fields(ApgdState):
            (remaining,) = batch.remaining(getattr(self, field.name))
            setattr(self, field.name, remaining)

    def step(self, images: Tensor, ball: LpBall, eps: float, alpha: float) -> None:
        """Take a projected gradient step with momentum (algorithm 1, lines 7 and 8)."""

        def project(points: Tensor) -> Tensor:
            return (images + ball.project(points - images, eps)).clamp(0, 1)

        x, previous = self.x, self.previous
        z = project(x + self.step_size * ball.steepest_ascent(self.gradient))
        self.x = project(x + alpha * (z - x) + (1 - alpha) * (x - previous))
        self.previous = x

    def update(self, gradient: Tensor, value: Tensor) -> None:
        """Take gradient and objective at the new point, and remember the best point (lines 10 to 12)."""
        self.increases = self.increases + (value > self.value)
        self.gradient, self.value = gradient, value
        better = value > self.best_value
        self.best_value = torch.where(better, value, self.best_value)
        self.best = torch.where(_wide(better), self.x, self.best)
        self.best_gradient = torch.where(_wide(better), gradient, self.best_gradient)

    def checkpoint(self, fewest_increases: float) -> None:
        """Halve step sizes that bring no progress, and restart those images from the best point (lines 13 to 16)."""
        too_few_increases = self.increases < fewest_increases
        stuck = ~self.halved & (self.best_value == self.best_value_at_checkpoint)
        halve = too_few_increases | stuck
        wide = _wide(halve)
        self.step_size = torch.where(wide, self.step_size / 2, self.step_size)
        self.previous = torch.where(wide, self.x, self.previous)
        self.x = torch.where(wide, self.best, self.x)
        self.gradient = torch.where(wide, self.best_gradient, self.gradient)
        self.value = torch.where(halve, self.best_value, self.value)
        self.best_value_at_checkpoint, self.halved = self.best_value, halve
        self.increases = torch.zeros_like(self.increases)


def _wide(flags: Tensor) -> Tensor:
    return flags.view(-1, 1, 1, 1)
