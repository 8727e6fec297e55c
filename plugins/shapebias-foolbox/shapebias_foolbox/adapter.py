"""Foolbox, the model in the form that it expects, and batches split into chunks or single images."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from shapebias.plugin import AttackedImages, Classifier, ImageRandom, seeded_generators

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # Foolbox's model zoo, unused here, fails without git
from foolbox import attacks as _attacks
from foolbox.criteria import Misclassification
from foolbox.models.pytorch import PyTorchModel

__all__ = ["ScoreModule", "attacks", "in_chunks", "joined", "one_by_one", "run"]

attacks: Any = _attacks  # for type checkers its names are not exported


class ScoreModule(nn.Module):
    """A module that maps pixels to the scores of the data set's classes.

    Gradients with respect to the pixels are checked: NaN becomes 0, and :attr:`gradient_failed` marks the images for
    which a gradient was NaN or infinite.

    The classifier is not registered as a submodule, so that Foolbox neither moves it nor changes its mode.

    Args:
        model: the classifier, or a function that calls it.
        count: number of images that are attacked.
        device: the device of the images.
    """

    def __init__(self, model: Callable[[Tensor], Tensor], count: int, device: torch.device) -> None:
        super().__init__()
        self._model = model
        self.gradient_failed = torch.zeros(count, dtype=torch.bool, device=device)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C) scores of (N, 3, H, W) pixels."""
        if images.requires_grad:
            images = images.view_as(images)  # the hook is only for this call
            images.register_hook(self._check_gradient)
        return self._model(images)

    def _check_gradient(self, gradient: Tensor) -> Tensor:
        finite = gradient.isfinite().flatten(1).all(dim=1)
        if bool(finite.all()):
            return gradient
        self.gradient_failed |= ~finite if len(finite) == len(self.gradient_failed) else ~finite.all()
        return gradient.nan_to_num(nan=0.0)


def run(
    method: Any, model: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor, **options: Any
) -> AttackedImages:
    """Run an attack of Foolbox on all images at once, and return its result, clipped to [0, 1]."""
    module = ScoreModule(model, len(images), images.device).eval()
    wrapped = PyTorchModel(module, bounds=(0, 1), device=images.device)
    with torch.enable_grad():
        found: Tensor = method.run(wrapped, images, Misclassification(labels), **options)
    return AttackedImages(found.detach().clamp(0, 1), module.gradient_failed)


def in_chunks(
    method: Any,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
) -> AttackedImages:
    """Run an attack that draws nothing and treats images independently, on at most a chunk of them at a time."""
    pairs = zip(images.split(model.chunk), labels.split(model.chunk), strict=True)
    return joined([run(method, model, some, their) for some, their in pairs])


def one_by_one(
    method: Any, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom, **options: Any
) -> AttackedImages:
    """Run an attack whose images share random numbers or a stopping rule with their batch, on each image alone."""
    found = []
    for row in range(len(images)):
        with seeded_generators(rng[row]):
            found.append(run(method, model, images[row : row + 1], labels[row : row + 1], **options))
    return joined(found)


def joined(found: list[AttackedImages]) -> AttackedImages:
    """Join the results of the parts of a batch."""
    return AttackedImages(torch.cat([one.images for one in found]), torch.cat([one.gradient_failed for one in found]))
