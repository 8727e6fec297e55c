"""Foolbox itself, the model as it wants it, and images handed to it a chunk or one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from shapebias.plugin import Classifier, ImageRandom, seeded_generators

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # Foolbox's model zoo, unused here, fails where there is no git
from foolbox import attacks as _attacks
from foolbox.criteria import Misclassification
from foolbox.models.pytorch import PyTorchModel

__all__ = ["attacks", "in_chunks", "one_by_one", "run"]

attacks: Any = _attacks  # its names are not exported, as type checkers see it


class BatchEvaluation(nn.Module):
    """Pixels in, scores in the data set's classes out.

    The classifier is no submodule, so that Foolbox neither moves it nor changes its mode.

    Args:
        model: the classifier, or what asks it.
    """

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C) scores of (N, 3, H, W) pixels."""
        return self._model(images)


def run(method: Any, model: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor, **options: Any) -> Tensor:
    """Run an attack of Foolbox on all images at once, and return what it ends with, clipped to [0, 1]."""
    asked = PyTorchModel(BatchEvaluation(model).eval(), bounds=(0, 1), device=images.device)
    with torch.enable_grad():
        found: Tensor = method.run(asked, images, Misclassification(labels), **options)
    return found.detach().clamp(0, 1)


def in_chunks(
    method: Any,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
) -> Tensor:
    """Run an attack that draws nothing and keeps images apart, on at most a chunk of them at a time."""
    pairs = zip(images.split(model.chunk), labels.split(model.chunk), strict=True)
    return torch.cat([run(method, model, some, their) for some, their in pairs])


def one_by_one(
    method: Any, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom, **options: Any
) -> Tensor:
    """Run an attack in which images of a batch share random numbers or a stop, on each image alone."""
    found = []
    for row in range(len(images)):
        with seeded_generators(rng[row]):
            found.append(run(method, model, images[row : row + 1], labels[row : row + 1], **options))
    return torch.cat(found)
