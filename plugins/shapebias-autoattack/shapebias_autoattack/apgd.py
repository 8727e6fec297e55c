"""``apgd``: projected gradient ascent that adapts its step size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import attrs
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import (
    LP_BALLS,
    ActiveBatch,
    AdversarialSearch,
    AttackedImages,
    Attempt,
    Classifier,
    FormerWords,
    ImageRandom,
    Norm,
    ShapebiasError,
    check_eps,
    eps_param,
    norm_param,
    param,
    steps_param,
)
from shapebias_autoattack.apgd_state import ApgdState
from shapebias_autoattack.ensemble import misclassification_search, run_in_order
from shapebias_autoattack.losses import difference, dlr, most_likely_others, paired, targeted_dlr

__all__ = ["Apgd", "checkpoints"]

ApgdObjective: TypeAlias = Annotated[
    Literal["cross-entropy", "dlr", "targeted-dlr", "targeted-margin"], FormerWords({"ce": "cross-entropy"})
]

_OBJECTIVES: dict[ApgdObjective, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": functools.partial(functional.cross_entropy, reduction="none"),
    "dlr": dlr,
    "targeted-dlr": targeted_dlr,
    "targeted-margin": difference,
}
_FEWEST_CLASSES: dict[ApgdObjective, int] = {"cross-entropy": 2, "dlr": 3, "targeted-dlr": 4, "targeted-margin": 2}


def checkpoints(steps: int) -> list[int]:
    """Return the steps after which step sizes are checked: p_j of all steps, p = 0, 0.22, 0.41, 0.57, ...

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
    """Take projected gradient steps with momentum, whose size starts at 2 eps and is halved when progress stops.

    At each checkpoint the step size of an image is halved if fewer than a share ``rho`` of its steps raised the
    objective, or if neither step size nor best point has changed since the last checkpoint; the image then restarts
    from its best point.

    ``objective``: ``cross-entropy`` of the label; ``dlr``, the difference-of-logits ratio, which does not depend on the
    scale of the scores; ``targeted-dlr``, the same towards each of the ``targets`` most likely other classes in turn
    (APGD-T); ``targeted-margin``, without the ratio, for fewer than four classes.  If classes are grouped, scores are
    log mean probabilities; the ratio does not depend on a shift of the scores, so it equals that of the logits if each
    group is one output.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.
    An image for which none is found is returned unchanged.

    Raises:
        ShapebiasError: there are too few classes for the objective.

    Source: Croce & Hein 2020, Reliable evaluation, algorithm 1 and sections 3 and 4.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    objective: ApgdObjective = param(
        "loss to maximise: cross-entropy; the difference-of-logits ratio (DLR); the DLR towards one class after the "
        "other (APGD-T); or the same without the ratio",
        default="cross-entropy",
    )
    steps: int = steps_param(default=100)
    restarts: int = param("random starts, each for the images that are still classified correctly", default=1, ge=1)
    targets: int = param("classes that a targeted objective tries, most likely first", default=9, ge=1)
    rho: float = param("share of steps that must raise the objective", default=0.75, ge=0, le=1)
    alpha: float = param("weight of the new step relative to the previous one", default=0.75, gt=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_eps("apgd", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = misclassification_search(model, images, labels, rng)
        return run_in_order(search, self.eps, self.attempts(search, scores))

    def attempts(self, search: AdversarialSearch, scores: Tensor) -> list[Attempt]:
        """Return one attempt for each target and restart."""
        if scores.shape[1] < _FEWEST_CLASSES[self.objective]:
            raise ShapebiasError(
                f"apgd: objective={self.objective} needs {_FEWEST_CLASSES[self.objective]} classes, the data "
                f"set has {scores.shape[1]}; use objective=cross-entropy or targeted-margin"
            )
        classes = [labels := search.criterion.labels]
        if self.objective.startswith("targeted"):
            classes = paired(labels, most_likely_others(scores, labels, self.targets))
        tries = enumerate(classes * self.restarts)
        return [functools.partial(self._ascend, number, wanted) for number, wanted in tries]

    def _ascend(self, number: int, classes: Tensor, batch: ActiveBatch, eps: float) -> None:
        objective, ball = _OBJECTIVES[self.objective], LP_BALLS[self.norm]
        intervals = _steps_before_checkpoints(self.steps)
        start = batch.images + eps * ball.uniform(batch.rng, number, batch.images.shape[1:])
        state = ApgdState.begin(start.clamp(0, 1), classes[batch.rows], step_size=2 * eps)
        for k in batch.steps(self.steps + 1):
            if k > 0:
                state.step(batch.images, ball, eps, alpha=1 if k == 1 else self.alpha)
            batch.adversarial = state.x
            gradient = batch.gradient(objective, state.classes)
            state.drop_finished(batch)
            state.update(gradient, objective(batch.scores, state.classes))
            if k in intervals:
                state.checkpoint(self.rho * intervals[k])


def _steps_before_checkpoints(steps: int) -> dict[int, int]:
    """Return for each checkpoint the number of steps since the one before."""
    judged = checkpoints(steps)
    return {0: 0} | {after: after - before for before, after in itertools.pairwise(judged)}
