"""Gradients and objectives of many copies of an image, with at most a chunk of copies in memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, objective_values, pixel_gradient

__all__ = ["chunks", "gradient_of_copies", "values_of_copies"]


def chunks(model: Classifier, images: Tensor, count: int) -> Iterator[tuple[Tensor, range]]:
    """Yield indices of images and a range of copies, until every image has had ``count`` copies.

    >>> model = Classifier(torch.nn.Identity(), chunk=5)
    >>> [(rows.tolist(), copies) for rows, copies in chunks(model, torch.zeros(2, 3, 8, 8), count=3)]
    [([0, 1], range(0, 2)), ([0, 1], range(2, 3))]
    """
    for rows in torch.arange(len(images), device=images.device).split(model.chunk):
        at_a_time = model.chunk // len(rows)
        for first in range(0, count, at_a_time):
            yield rows, range(first, min(first + at_a_time, count))


def gradient_of_copies(model: Classifier, copies: Tensor, targets: Tensor, objective: Objective) -> Tensor:
    """Return the gradient of the objective with respect to the pixels of copies (N, K, 3, H, W) for (N,) targets."""
    wanted = targets.repeat_interleave(copies.shape[1])
    gradient, _ = pixel_gradient(model, copies.flatten(0, 1), wanted, objective)
    return gradient.view_as(copies)


@torch.no_grad()
def values_of_copies(model: Classifier, copies: Tensor, targets: Tensor, objective: Objective) -> Tensor:
    """Return the objective (N, K) of copies (N, K, 3, H, W) for (N,) targets."""
    wanted = targets.repeat_interleave(copies.shape[1])
    values = [
        objective_values(model, model(some), classes, objective)
        for some, classes in zip(copies.flatten(0, 1).split(model.chunk), wanted.split(model.chunk), strict=True)
    ]
    return torch.cat(values).view(copies.shape[:2])
