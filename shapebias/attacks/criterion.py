"""What an attack wants of a model: away from the label, or to a target, and the number that rises on the way there."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import torch
from torch import Tensor

from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import OBJECTIVES, pixel_gradient
from shapebias.rng import ImageRandom

__all__ = ["AttackLoss", "Criterion", "Target"]

Target: TypeAlias = Literal["least-likely", "random"] | int | None
AttackLoss: TypeAlias = Literal["loss", "margin"]


@attrs.frozen(eq=False)
class Criterion:
    """Have each image classified as its target, or without targets as anything but its label.

    Args:
        model: the classifier.
        labels: (N,) class indices.
        targets: (N,) class indices; None for an attack without targets.
        objective: what rises on the way: with ``loss`` the cross-entropy of the label or the log-probability of the
            target, with ``margin`` the best other score above the label's or the target's above the best other.

    >>> model = Classifier(torch.nn.Identity())
    >>> goal = Criterion(model, labels=torch.tensor([0, 0]), objective="margin")
    >>> goal.value(torch.tensor([[3.0, 1.0], [1.0, 2.0]])), goal.fooled(torch.tensor([[3.0, 1.0], [1.0, 2.0]]))
    (tensor([-2.,  1.]), tensor([False,  True]))
    """

    model: Classifier
    labels: Tensor
    targets: Tensor | None = None
    objective: AttackLoss = "loss"

    @classmethod
    def of(
        cls,
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        rng: ImageRandom,
        *,
        target: Target = None,
        objective: AttackLoss = "loss",
    ) -> Criterion:
        """Find the target of each image: ``least-likely`` by its own scores, ``random``, or one class for all.

        The first two are never the label.

        Raises:
            SpellingError: the model has no class of that index.
        """
        goal = cls(model, labels, objective=objective)
        if target is None:
            return goal
        scores = goal.scores(images)
        classes = scores.shape[1]
        if target == "least-likely":
            targets = scores.scatter(1, labels[:, None], float("inf")).argmin(dim=1)
        elif target == "random":
            targets = (labels + 1 + rng.integers("target", 0, (), high=classes - 1)) % classes
        elif target < classes:
            targets = torch.full_like(labels, target)
        else:
            raise SpellingError(
                f"target={target} is no class of the data set; give least-likely, random, or a number from 0 to "
                f"{classes - 1}"
            )
        return attrs.evolve(goal, targets=targets)

    def __getitem__(self, rows: Tensor) -> Criterion:
        """Return the goal of some of the images."""
        targets = None if self.targets is None else self.targets[rows]
        return attrs.evolve(self, labels=self.labels[rows], targets=targets)

    @property
    def possible(self) -> Tensor:
        """(N,) whether there is anything to reach: an image whose label is the target is none to fool."""
        return torch.ones_like(self.labels, dtype=torch.bool) if self.targets is None else self.labels != self.targets

    def fooled(self, scores: Tensor) -> Tensor:
        """Tell from scores (N, C) which images are where the attack wants them, (N,) bool."""
        predicted = scores.argmax(dim=1)
        return predicted != self.labels if self.targets is None else predicted == self.targets

    def value(self, scores: Tensor) -> Tensor:
        """Return the number (N,) that the attack raises, from scores (N, C)."""
        return self._sign * OBJECTIVES[self.objective](scores, self._classes)

    def gradient(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of the value in the pixels, and the scores."""
        gradient, scores = pixel_gradient(self.model, images, self._classes, self.objective)
        return self._sign * gradient, scores

    @torch.no_grad()
    def scores(self, images: Tensor) -> Tensor:
        """Return scores (N, C), ``model.chunk`` images at a time."""
        return torch.cat([self.model(chunk) for chunk in images.split(self.model.chunk)])

    @property
    def _classes(self) -> Tensor:
        return self.labels if self.targets is None else self.targets

    @property
    def _sign(self) -> int:
        """The label's loss rises and its margin falls; of a target the other way round."""
        return 1 if (self.objective == "loss") == (self.targets is None) else -1
