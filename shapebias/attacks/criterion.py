"""When an attack succeeds, at any class but the label or at a target class, and the loss that it maximises."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import attrs
import torch
from torch import Tensor

from shapebias.attacks.parameters import Target
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import OBJECTIVES, pixel_gradient
from shapebias.rng import ImageRandom
from shapebias.spelling.former import FormerWords

__all__ = ["AttackObjective", "Criterion"]

AttackObjective: TypeAlias = Annotated[Literal["cross-entropy", "margin"], FormerWords({"loss": "cross-entropy"})]


@attrs.frozen(eq=False)
class Criterion:
    """Success is that an image is classified as its target or, without targets, as any class but its label.

    Args:
        model: the classifier.
        labels: (N,) class indices.
        targets: (N,) class indices; None for an untargeted attack.
        objective: the loss to maximise.  ``cross-entropy``: that of the label, or minus that of the target;
            ``margin``: the highest other score minus the label's, or the target's minus the highest other score.

    >>> model = Classifier(torch.nn.Identity())
    >>> criterion = Criterion(model, labels=torch.tensor([0, 0]), objective="margin")
    >>> scores = torch.tensor([[3.0, 1.0], [1.0, 2.0]])
    >>> criterion.loss(scores), criterion.is_adversarial(scores)
    (tensor([-2.,  1.]), tensor([False,  True]))
    """

    model: Classifier
    labels: Tensor
    targets: Tensor | None = None
    objective: AttackObjective = "cross-entropy"

    @classmethod
    def of(
        cls,
        model: Classifier,
        images: Tensor,
        labels: Tensor,
        rng: ImageRandom,
        *,
        target: Target = None,
        objective: AttackObjective = "cross-entropy",
    ) -> Criterion:
        """Choose the target of each image: ``least-likely`` by its own scores, ``random``, or one class for all.

        The first two are never the label.

        Args:
            model: the classifier.
            images: (N, 3, H, W) in [0, 1]; their scores choose ``least-likely``.
            labels: (N,) class indices.
            rng: the random numbers of the images, which choose ``random``.
            target: ``least-likely``, ``random`` or a class index; None for an untargeted attack.
            objective: the loss to maximise.

        Raises:
            SpellingError: the model has no class of that index.
        """
        criterion = cls(model, labels, objective=objective)
        if target is None:
            return criterion
        scores = criterion.scores(images)
        classes = scores.shape[1]
        if target == "least-likely":
            targets = scores.scatter(1, labels[:, None], float("inf")).argmin(dim=1)
        elif target == "random":
            targets = (labels + 1 + rng.integers("target", 0, (), high=classes - 1)) % classes
        elif target < classes:
            targets = torch.full_like(labels, target)
        else:
            raise SpellingError(
                f"target={target}: the data set has no such class; give least-likely, random, or a number from 0 to "
                f"{classes - 1}"
            )
        return attrs.evolve(criterion, targets=targets)

    def __getitem__(self, rows: Tensor) -> Criterion:
        """Return the criterion of some of the images."""
        targets = None if self.targets is None else self.targets[rows]
        return attrs.evolve(self, labels=self.labels[rows], targets=targets)

    @property
    def attackable(self) -> Tensor:
        """(N,) whether there is anything to do: not for an image whose label is the target."""
        return torch.ones_like(self.labels, dtype=torch.bool) if self.targets is None else self.labels != self.targets

    def is_adversarial(self, scores: Tensor) -> Tensor:
        """Tell from scores (N, C) for which images the attack has succeeded, (N,) bool."""
        predicted = scores.argmax(dim=1)
        return predicted != self.labels if self.targets is None else predicted == self.targets

    def loss(self, scores: Tensor) -> Tensor:
        """Return the loss (N,) that the attack maximises, from scores (N, C)."""
        return self._sign * OBJECTIVES[self.objective](scores, self._classes)

    def gradient(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of the loss with respect to the pixels, (N, 3, H, W), and the scores (N, C)."""
        gradient, scores = pixel_gradient(self.model, images, self._classes, self.objective)
        return gradient if self._sign == 1 else -gradient, scores

    @torch.no_grad()
    def scores(self, images: Tensor) -> Tensor:
        """Return scores (N, C), ``model.chunk`` images at a time."""
        return torch.cat([self.model(chunk) for chunk in images.split(self.model.chunk)])

    @property
    def _classes(self) -> Tensor:
        return self.labels if self.targets is None else self.targets

    @property
    def _sign(self) -> int:
        """Return the sign that makes the loss rise towards success; it differs between cross-entropy and margin."""
        return 1 if (self.objective == "cross-entropy") == (self.targets is None) else -1
