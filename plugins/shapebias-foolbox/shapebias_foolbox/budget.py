"""What a radius means for an attack that looks for the smallest change: a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from shapebias.plugin import Classifier, Criterion, ImageRandom

__all__ = ["AnyNorm", "within"]

AnyNorm: TypeAlias = Literal["linf", "l2", "l1"]
_ORDERS: dict[AnyNorm, float] = {"linf": float("inf"), "l2": 2, "l1": 1}
_BEYOND = 1.001


def within(
    eps: Sequence[float],
    norm: AnyNorm,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
    find: Callable[[Tensor, Tensor, ImageRandom], Tensor],
) -> Tensor:
    """Look once for an image near each that fools the model, and take it at every radius that it lies within.

    An image that fools the model already, that none was found for, or whose change is larger than the radius, stays as
    it was.  So robust accuracy is the share of images whose smallest change is larger than eps.

    What is found may lie on the very boundary, where the rounding of another batch or device decides; so each change is
    made larger by a thousandth, if that fools the model too.

    Args:
        eps: the radii, ascending.
        norm: what the size of a change is measured by.
        model: the classifier.
        images: (N, 3, H, W), not attacked.
        labels: (N,) class indices.
        rng: of the N images.
        find: takes the M images that are to be attacked, their labels and random numbers; returns what it found for
            them, (M, 3, H, W), whether it fools the model or not.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii.
    """
    goal, found = Criterion(model, labels), images.clone()
    rows = (~goal.fooled(goal.scores(images))).nonzero().squeeze(1)
    if len(rows):
        found[rows] = find(images[rows], labels[rows], rng[rows])
    beyond = (images + _BEYOND * (found - images)).clamp(0, 1)
    found = torch.where(goal.fooled(goal.scores(beyond))[:, None, None, None], beyond, found)
    size = torch.linalg.vector_norm((found - images).flatten(1), ord=_ORDERS[norm], dim=1)
    size[~goal.fooled(goal.scores(found))] = float("inf")
    levels = [torch.where((size <= radius)[:, None, None, None], found, images) for radius in eps]
    return torch.stack(levels) if len(levels) > 1 else levels[0]
