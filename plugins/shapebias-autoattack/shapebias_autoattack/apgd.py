"""``apgd``: projected gradient ascent that chooses its own step size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Literal

import attrs
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import (
    NORM_BALLS,
    AdversarialSearch,
    Classifier,
    ImageRandom,
    Norm,
    ShapebiasError,
    ascending,
    check_eps,
    param,
    pixel_gradient,
)
from shapebias_autoattack.climb import Climb
from shapebias_autoattack.losses import contenders, difference, dlr, paired, targeted_dlr
from shapebias_autoattack.parts import Part, begin, in_order

__all__ = ["Apgd", "checkpoints"]

AttackLoss = Literal["ce", "dlr", "targeted-dlr", "targeted-margin"]

_OBJECTIVES: dict[AttackLoss, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": functools.partial(functional.cross_entropy, reduction="none"),
    "dlr": dlr,
    "targeted-dlr": targeted_dlr,
    "targeted-margin": difference,
}
_FEWEST_CLASSES: dict[AttackLoss, int] = {"ce": 2, "dlr": 3, "targeted-dlr": 4, "targeted-margin": 2}


def checkpoints(steps: int) -> list[int]:
    """Return after which steps the step size is judged: p_j of all steps, p = 0, 0.22, 0.41, 0.57, ...

    Source: Croce & Hein 2020, section 3: p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06).

    >>> checkpoints(100)
    [0, 22, 41, 57, 70, 80, 87, 93, 99]
    """
    percents, stretch = [0], 22
    while percents[-1] + stretch <= 100:
        percents.append(percents[-1] + stretch)
        stretch = max(stretch - 3, 6)
    return sorted({-(-percent * steps // 100) for percent in percents})


@attrs.frozen
class Apgd:
    """Climb with momentum, by steps of 2 eps at first; where they lead nowhere, halve them and go on from the best.

    At each checkpoint the step of an image is halved if fewer than a share ``rho`` of its steps went up, or if neither
    its step nor its best point has changed since the last checkpoint.

    ``objective``: ``ce`` is the cross-entropy of the label; ``dlr`` the difference-of-logits ratio, which no scale of
    the scores can blind; ``targeted-dlr`` the same towards each of the ``targets`` best other classes in turn (APGD-T);
    ``targeted-margin`` without the ratio, for fewer than four classes.  Where classes are grouped, scores are log mean
    probabilities: as the ratio knows no shift, it is the same there as of logits where every group is one output.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.  One
    that stands is left as it is.

    Raises:
        ShapebiasError: there are too few classes for the objective.

    Source: Croce & Hein 2020, Reliable evaluation, algorithm 1 and sections 3 and 4.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    objective: AttackLoss = param(
        "what is raised: the cross-entropy; the difference-of-logits ratio; the same towards one class after the other "
        "(APGD-T); or that without the ratio",
        default="ce",
    )
    steps: int = param("number of steps", default=100, ge=1)
    restarts: int = param("random starts, each of what still stands", default=1, ge=1)
    targets: int = param("classes that a targeted objective tries, best first", default=9, ge=1)
    rho: float = param("share of steps that must go up", default=0.75, ge=0, le=1)
    alpha: float = param("weight of the new step; the rest is the last one's", default=0.75, gt=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_eps("apgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = begin(model, images, labels)
        return in_order(search, self.eps, self.parts(search, scores, rng))

    def parts(self, search: AdversarialSearch, scores: Tensor, rng: ImageRandom) -> list[Part]:
        """Return one part for every target and restart."""
        if scores.shape[1] < _FEWEST_CLASSES[self.objective]:
            raise ShapebiasError(
                f"apgd: objective={self.objective} needs {_FEWEST_CLASSES[self.objective]} classes, here are "
                f"{scores.shape[1]}; use objective=ce or targeted-margin"
            )
        classes = [labels := search.goal.labels]
        if self.objective.startswith("targeted"):
            classes = paired(labels, contenders(scores, labels, self.targets))
        tries = enumerate(classes * self.restarts)
        return [functools.partial(self._climb, search, rng, number, wanted) for number, wanted in tries]

    def _climb(
        self, search: AdversarialSearch, rng: ImageRandom, start: int, classes: Tensor, rows: Tensor, eps: float
    ) -> None:
        objective, ball, judged = _OBJECTIVES[self.objective], NORM_BALLS[self.norm], checkpoints(self.steps)
        stretches = {0: 0} | {after: after - before for before, after in itertools.pairwise(judged)}
        images = search.images[rows]
        point = (images + eps * ball.random(rng[rows], start, images.shape[1:])).clamp(0, 1)
        climb = Climb.at(rows, classes[rows], images, point, step=2 * eps)
        for step in range(self.steps + 1):
            if step > 0:
                climb.move(ball, eps, alpha=1 if step == 1 else self.alpha)
            gradient, scores = pixel_gradient(search.goal.model, climb.point, climb.classes, objective)
            climb.arrive(gradient, objective(scores, climb.classes))
            left = search.look(climb.rows, climb.point, scores)
            if left is not None:
                climb.go_on_with(left)
                if len(climb.rows) == 0:
                    return
            if step in stretches:
                climb.judge(self.rho * stretches[step])
