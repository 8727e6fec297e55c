"""What attacks share: several radii and restarts, each of which works only on the images that still stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeAlias

import attrs
import torch
from torch import Tensor

from shapebias.attacks.criterion import Criterion
from shapebias.errors import SpellingError
from shapebias.plugins.protocols import AttackedImages
from shapebias.spelling.params import numbers

__all__ = ["AdversarialSearch", "Attempt", "Keep", "ascending"]

Keep: TypeAlias = Literal["first", "worst", "last"]
Attempt: TypeAlias = Callable[[Tensor, float, int], None]


def ascending(eps: float | Iterable[float]) -> tuple[float, ...]:
    """Converter of ``eps``: one radius or several, in ascending order.

    >>> ascending([0.5, 0.25]), ascending(0.5)
    ((0.25, 0.5), (0.5,))
    """
    radii = tuple(sorted(set(numbers(eps))))
    if not radii:
        raise SpellingError("eps: give at least one radius, for example eps=8/255")
    return radii


@attrs.define(eq=False)
class AdversarialSearch:
    """The search for adversarial images of a batch; an image that is found fooled stays so.

    Args:
        goal: what is wanted of the N images.
        images: (N, 3, H, W), not attacked.
        keep: ``first`` keeps the first image that fools the model and leaves it at that; ``worst`` tries everything on
            every image and keeps the highest value of the goal; ``last`` keeps where an attempt ends, as training does.
        scores: of the images, (N, C), where they are known.
    """

    goal: Criterion
    images: Tensor
    keep: Keep = "first"
    scores: Tensor | None = None
    _found: Tensor = attrs.field(init=False)
    _failed: Tensor = attrs.field(init=False)
    _value: Tensor = attrs.field(init=False)
    _fooled: Tensor = attrs.field(init=False)
    _unseen: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._found = self.images.clone()
        self._failed = torch.zeros_like(self.goal.labels, dtype=torch.bool)
        if self.keep == "last":  # its first attempt takes every image
            self._fooled = torch.zeros_like(self.goal.labels, dtype=torch.bool)
            return
        scores = self.goal.scores(self.images) if self.scores is None else self.scores
        self._fooled, self._value = self.goal.fooled(scores), self.goal.value(scores)

    def over(self, eps: Sequence[float], attempt: Attempt, restarts: int = 1) -> Tensor | AttackedImages:
        """Make the attempts: each radius in ascending order, and each restart, on the images that are left.

        So an image that fell stays fallen, and robust accuracy never rises with eps.

        Args:
            eps: the radii, ascending; 0 leaves the images as they are.
            attempt: takes the indices of M images, a radius and the number of the restart; calls :meth:`look` and
                :meth:`end`.
            restarts: attempts a radius.

        Returns:
            (N, 3, H, W), or (E, N, 3, H, W) for several radii; where a gradient was not finite, with the images
            for which it was not.
        """
        levels, failed = [], []
        for radius in eps:
            for restart in range(restarts if radius > 0 else 0):
                rows = self._left()
                if len(rows):
                    attempt(rows, radius, restart)
            levels.append(self._found.clone())
            failed.append(self._failed.clone())
        images, gradient_failed = (torch.stack(each) if len(each) > 1 else each[0] for each in (levels, failed))
        return AttackedImages(images, gradient_failed) if gradient_failed.any() else images

    def gradient(self, rows: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the goal's gradient (M, 3, H, W) in the pixels of images (M, 3, H, W), and their scores (M, C)."""
        gradient, scores = self.goal[rows].gradient(images)
        return self.usable(rows, gradient), scores

    def usable(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Put 0 in place of NaN, and take note of the images whose gradient was NaN or infinite."""
        finite = gradient.isfinite().flatten(1).all(dim=1)
        if bool(finite.all()):
            return gradient
        self._failed[rows[~finite]] = True
        return gradient.nan_to_num(nan=0.0)

    def look(self, rows: Tensor, images: Tensor, scores: Tensor) -> Tensor | None:
        """Take note of images on the way.

        Args:
            rows: indices of M images.
            images: what has become of them, (M, 3, H, W).
            scores: of these, (M, C).

        Returns:
            (M,) bool, which of them to go on with; None for all.
        """
        if self.keep == "worst":
            self._keep_worse(rows, images, scores)
        if self.keep != "first":
            return None
        fooled = self.goal[rows].fooled(scores)
        if not fooled.any():
            return None
        self._found[rows[fooled]] = images[fooled]
        self._fooled[rows[fooled]] = True
        return ~fooled

    def end(self, rows: Tensor, images: Tensor) -> None:
        """Take the images (M, 3, H, W) at which an attempt ends; nobody has looked at them yet."""
        if self.keep == "worst":
            self._keep_worse(rows, images, self.goal[rows].scores(images))
        else:
            self._found[rows] = images
            self._unseen = True

    def _left(self) -> Tensor:
        """Return the indices of the images to attack next."""
        if self.keep == "worst":
            return self.goal.possible.nonzero().squeeze(1)
        rows = (self.goal.possible & ~self._fooled).nonzero().squeeze(1)
        if self._unseen and len(rows):
            self._fooled[rows] = self.goal[rows].fooled(self.goal.scores(self._found[rows]))
            rows = rows[~self._fooled[rows]]
        self._unseen = False
        return rows

    def _keep_worse(self, rows: Tensor, images: Tensor, scores: Tensor) -> None:
        """Keep what has a higher value, but no image that the model gets right for one that fools it."""
        goal = self.goal[rows]
        value, fooled = goal.value(scores), goal.fooled(scores)
        worse = (value > self._value[rows]) & (fooled | ~self._fooled[rows])
        changed = rows[worse]
        self._found[changed], self._value[changed], self._fooled[changed] = images[worse], value[worse], fooled[worse]
