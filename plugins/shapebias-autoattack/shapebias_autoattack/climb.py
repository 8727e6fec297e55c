"""The state of APGD, and what one of its steps does with it."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import NormBall

__all__ = ["Climb"]


@attrs.define(eq=False)
class Climb:
    """Where M images are on their way: every field has a row for each, in the terms of algorithm 1."""

    rows: Tensor
    classes: Tensor
    images: Tensor
    point: Tensor
    previous: Tensor
    gradient: Tensor
    value: Tensor
    best: Tensor
    best_gradient: Tensor
    best_value: Tensor
    judged_value: Tensor  # the best one at the last checkpoint
    rises: Tensor  # steps since then that went up
    halved: Tensor  # whether the step was, there
    step: Tensor

    @classmethod
    def at(cls, rows: Tensor, classes: Tensor, images: Tensor, point: Tensor, step: float) -> Climb:
        """Begin at a point that nobody has looked at."""
        unknown = images.new_full((len(images),), torch.inf)
        return cls(
            rows=rows,
            classes=classes,
            images=images,
            point=point,
            previous=point,
            gradient=torch.zeros_like(point),
            value=unknown,
            best=point,
            best_gradient=torch.zeros_like(point),
            best_value=-unknown,
            judged_value=-unknown,
            rises=torch.zeros_like(rows),
            halved=torch.zeros_like(rows, dtype=torch.bool),
            step=images.new_full((len(images), 1, 1, 1), step),
        )

    def go_on_with(self, left: Tensor) -> None:
        """Drop the images that have fallen."""
        for field in attrs.fields(Climb):
            setattr(self, field.name, getattr(self, field.name)[left])

    def move(self, ball: NormBall, eps: float, alpha: float) -> None:
        """Take a step up, and a part of the last one once more (algorithm 1, lines 7 and 8)."""

        def project(points: Tensor) -> Tensor:
            return (self.images + ball.project(points - self.images, eps)).clamp(0, 1)

        point, previous = self.point, self.previous
        uphill = project(point + self.step * ball.steepest(self.gradient))
        self.point = project(point + alpha * (uphill - point) + (1 - alpha) * (point - previous))
        self.previous = point

    def arrive(self, gradient: Tensor, value: Tensor) -> None:
        """Take note of what is found at the new point (lines 10 to 12)."""
        self.rises = self.rises + (value > self.value)
        self.gradient, self.value = gradient, value
        better = value > self.best_value
        self.best_value = torch.where(better, value, self.best_value)
        self.best = torch.where(_wide(better), self.point, self.best)
        self.best_gradient = torch.where(_wide(better), gradient, self.best_gradient)

    def judge(self, enough: float) -> None:
        """Halve the steps that make no way, and go back to the best point (lines 13 to 16)."""
        too_few_rises = self.rises < enough
        stuck = ~self.halved & (self.best_value == self.judged_value)
        halve = too_few_rises | stuck
        wide = _wide(halve)
        self.step = torch.where(wide, self.step / 2, self.step)
        self.previous = torch.where(wide, self.point, self.previous)
        self.point = torch.where(wide, self.best, self.point)
        self.gradient = torch.where(wide, self.best_gradient, self.gradient)
        self.value = torch.where(halve, self.best_value, self.value)
        self.judged_value, self.halved, self.rises = self.best_value, halve, torch.zeros_like(self.rises)


def _wide(flags: Tensor) -> Tensor:
    return flags.view(-1, 1, 1, 1)
