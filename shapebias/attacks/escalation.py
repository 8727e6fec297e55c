"""What attacks share: several radii and restarts, each of which works only on the images not yet fooled."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from shapebias.classifier import Classifier
from shapebias.errors import SpellingError
from shapebias.params import numbers

__all__ = ["Attempt", "ascending", "escalate"]

Attempt: TypeAlias = Callable[[Tensor, float, int], Tensor]


def ascending(eps: float | Iterable[float]) -> tuple[float, ...]:
    """Converter of ``eps``: one radius or several, in ascending order.

    >>> ascending([0.5, 0.25]), ascending(0.5)
    ((0.25, 0.5), (0.5,))
    """
    radii = tuple(sorted(set(numbers(eps))))
    if not radii:
        raise SpellingError("eps: give at least one radius, for example eps=8/255")
    return radii


def escalate(
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    eps: Sequence[float],
    attempt: Attempt,
    *,
    restarts: int = 1,
    until_fooled: bool = True,
) -> Tensor:
    """Attack with each radius in ascending order, and with each restart, the images that are still classified right.

    So an image that fell stays fallen, and robust accuracy never rises with eps.

    Args:
        model: the classifier.
        images: (N, 3, H, W) in [0, 1].
        labels: (N,) class indices.
        eps: the radii, ascending; 0 leaves the images as they are.
        attempt: takes the indices of M images, a radius and the number of the restart; returns (M, 3, H, W).
        restarts: attempts a radius.
        until_fooled: leave images alone that are classified wrong to begin with.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii.
    """
    found = images.repeat(len(eps), 1, 1, 1, 1)
    rows = torch.arange(len(images), device=images.device)
    untried = not until_fooled
    for (level, radius), restart in itertools.product(enumerate(eps), range(restarts)):
        if radius == 0:
            continue
        if not untried:
            rows = rows[_right(model, found[level, rows], labels[rows])]
        untried = False
        if len(rows) == 0:
            break
        found[level:, rows] = attempt(rows, radius, restart)
    return found if len(eps) > 1 else found[0]


@torch.no_grad()
def _right(model: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    """Return (N,) whether each image is classified right."""
    scores = [model(chunk) for chunk in torch.split(images, model.chunk)]
    return torch.cat(scores).argmax(dim=1) == labels
