"""``square``: random search with squares, which needs only scores."""

from __future__ import annotations

import functools
import math

import attrs
import torch
from torch import Tensor

from shapebias.plugin import (
    ActiveBatch,
    AttackedImages,
    Attempt,
    Classifier,
    ImageRandom,
    Norm,
    check_eps,
    eps_param,
    norm_param,
    param,
)
from shapebias_autoattack.ensemble import misclassification_search, run_in_order
from shapebias_autoattack.squares import SQUARES

__all__ = ["Square", "side", "size"]

_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries


def size(query: int, queries: int, first: float) -> float:
    """Return the share of the pixels that a query changes: it is halved at longer and longer intervals.

    Source: Andriushchenko et al. 2020, section 4.1; their schedule is of 10,000 queries and is stretched to others.

    >>> size(10, 10_000, first=0.8), size(11, 10_000, first=0.8), size(101, 5_000, first=0.8)
    (0.8, 0.4, 0.1)
    """
    halvings = sum(query * 10_000 > after * queries for after in _HALVED_AFTER)
    return first * 0.5**halvings


def side(share: float, height: int, width: int, smallest: int) -> int:
    """Return the side of a square that has a share of the pixels, at least ``smallest`` and within the image."""
    return min(max(round(math.sqrt(share * height * width)), smallest), height, width)


@attrs.frozen
class Square:
    """Change one random square after the other, and keep each change that raises the margin of the best other class.

    With linf the start is stripes of one pixel's width at +eps and -eps, and a square has one sign in each channel.
    With l2 the start is a grid of tiles, and a square gets a bump next to a dent, with the norm that is removed from
    another square.  The squares shrink on a fixed schedule.  No gradient is used, so gradient masking does not matter.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.
    An image for which none is found is returned unchanged.

    Source: Andriushchenko et al. 2020, Square attack, algorithms 1 to 3.  AutoAttack takes 5,000 queries and
    ``p_init=0.8``; alone they take 10,000 and 0.05 (linf) or 0.1 (l2).
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    queries: int = param("images that are evaluated for each image", default=5000, ge=1)
    restarts: int = param("random starts, each for the images that are still classified correctly", default=1, ge=1)
    p_init: float = param("share of the pixels that the first squares change", default=0.8, gt=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_eps("square", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, _scores = misclassification_search(model, images, labels, rng)
        return run_in_order(search, self.eps, self.attempts())

    def attempts(self) -> list[Attempt]:
        """Return one attempt for each restart."""
        return [
            functools.partial(self._search, first) for first in range(0, self.restarts * self.queries, self.queries)
        ]

    def _search(self, first: int, batch: ActiveBatch, eps: float) -> None:
        """Search with random numbers from index ``first`` on (algorithm 1)."""
        squares = SQUARES[self.norm]
        batch.adversarial = best = squares.start(batch.images, eps, batch.rng, first)
        best_loss = batch.images.new_full((len(batch),), -torch.inf)
        for query in range(1, self.queries + 1):
            tried = batch.adversarial
            scores = batch.evaluate()
            if len(batch) == 0:
                return
            tried, best, best_loss = batch.remaining(tried, best, best_loss)
            loss = batch.criterion.loss(scores)
            better = loss > best_loss
            best = torch.where(better.view(-1, 1, 1, 1), tried, best)
            best_loss = torch.where(better, loss, best_loss)
            if query < self.queries:
                share = size(query, self.queries, self.p_init)
                length = side(share, batch.images.shape[2], batch.images.shape[3], squares.smallest)
                batch.adversarial = squares.change(batch.images, best, eps, length, batch.rng, first + query)
