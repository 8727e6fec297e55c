"""How attacks are put together: parts that run one after the other, each on the images that still stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from shapebias.plugin import AdversarialSearch, Classifier, Criterion

__all__ = ["Part", "begin", "in_order"]

Part: TypeAlias = Callable[[Tensor, float], None]


def begin(model: Classifier, images: Tensor, labels: Tensor) -> tuple[AdversarialSearch, Tensor]:
    """Begin the search for images that are not classified as their labels; also return the images' scores."""
    goal = Criterion(model, labels, objective="margin")
    scores = goal.scores(images)
    return AdversarialSearch(goal, images, scores=scores), scores


def in_order(search: AdversarialSearch, eps: Sequence[float], parts: Sequence[Part]) -> Tensor:
    """Run every part at every radius, ascending.

    Args:
        search: knows which images stand.
        eps: the radii.
        parts: called with the indices of these images and the radius.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii.
    """

    def attempt(rows: Tensor, radius: float, number: int) -> None:
        parts[number](rows, radius)

    return search.over(eps, attempt, restarts=len(parts))
