"""``square``: random search by squares, which only asks for scores."""

from __future__ import annotations

import functools
import math

import attrs
import torch
from torch import Tensor

from shapebias.plugin import AdversarialSearch, Classifier, ImageRandom, Norm, ascending, check_eps, param
from shapebias_autoattack.parts import Part, begin, in_order
from shapebias_autoattack.squares import SQUARES

__all__ = ["Square", "side", "size"]

_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries


def size(query: int, queries: int, first: float) -> float:
    """Return the share of the pixels that a query changes: halved ever more rarely.

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
    """Change one random square after the other, and keep what raises the best other score above the label's.

    With linf the start is stripes of one pixel's width at +eps and -eps, and a square has one sign in each channel.
    With l2 the start is a grid of tiles, and a square gets a bump beside a dent, with the length that another square
    gives up.
    The squares shrink on a fixed schedule.  No gradient is asked for, so that none can be masked.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.  One
    that stands is left as it is.

    Source: Andriushchenko et al. 2020, Square attack, algorithms 1 to 3.  AutoAttack takes 5,000 queries and
    ``p_init=0.8``; alone they take 10,000 and 0.05 (linf) or 0.1 (l2).
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    queries: int = param("images that are tried of each", default=5000, ge=1)
    restarts: int = param("random starts, each of what still stands", default=1, ge=1)
    p_init: float = param("share of the pixels that the first squares change", default=0.8, gt=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_eps("square", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, _scores = begin(model, images, labels)
        return in_order(search, self.eps, self.parts(search, rng))

    def parts(self, search: AdversarialSearch, rng: ImageRandom) -> list[Part]:
        """Return one part for every restart."""
        firsts = range(0, self.restarts * self.queries, self.queries)
        return [functools.partial(self._look_around, search, rng, first) for first in firsts]

    def _look_around(self, search: AdversarialSearch, rng: ImageRandom, first: int, rows: Tensor, eps: float) -> None:
        squares, images = SQUARES[self.norm], search.images[rows]
        tried = adversarial = squares.start(images, eps, rng[rows], first)
        value = images.new_full((len(rows),), -torch.inf)
        for query in range(1, self.queries + 1):
            goal = search.goal[rows]
            scores = goal.scores(tried)
            left = search.look(rows, tried, scores)
            reached = goal.value(scores)
            better = reached > value
            adversarial = torch.where(better.view(-1, 1, 1, 1), tried, adversarial)
            value = torch.where(better, reached, value)
            if left is not None:
                rows, images, adversarial, value = (each[left] for each in (rows, images, adversarial, value))
                if len(rows) == 0:
                    return
            if query < self.queries:
                share = size(query, self.queries, self.p_init)
                length = side(share, images.shape[2], images.shape[3], squares.smallest)
                tried = squares.change(images, adversarial, eps, length, rng[rows], first + query)
