"""Cue strength: the strength of the texture, or of a transform, at which a model follows shape as often as texture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._cues import SHAPE, TEXTURE, cues_of, followed, shape_bias
from shapebias.metrics._texts import number_in
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, bootstrap
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["CueStrength", "equal_reliance"]

_ABSENT = 3
_STEPS, _HALVINGS = 200, 40  # at most
_PRECISE = 1e-9  # relative change of a parameter
_LEAST_WEIGHT = 1e-12  # far from the crossing p (1 - p) is 0 in double precision


@attrs.frozen
class _Curve:
    """What the cells of a curve share: texts with ``*`` instead of the strength."""

    dataset: str
    model: str
    condition: str
    eps: float | None


@attrs.frozen
class CueStrength:
    """Share of decisions by shape as one parameter varies, and the value at which it crosses 1/2.

    Cells that differ in only one parameter, of the data set (``contrast`` of ``stimuli``) or of the condition
    (``alpha`` of ``stylize``), form one curve.  The point of equal reliance is where a logistic curve, fitted to the
    choices by maximum likelihood, crosses 1/2; half a choice is added for each cue at each strength, so that the fit
    exists (Haldane 1956, "The estimation and significance of the logarithm of a ratio of frequencies").  It is NaN
    if the curve does not cross 1/2 between the smallest and the largest strength; an interval that ends at one of them
    may extend beyond it.

    Args:
        over: name of the parameter.
    """

    over: str = param("name of the parameter that varies", default="contrast")

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each strength, with Wilson's interval, and one ``point-of-equal-reliance`` per curve."""
        curves: dict[_Curve, list[tuple[float, Answers]]] = {}
        for answers in results.answers():
            found = _strength(answers, self.over) if cues_of(answers) == "conflict" else None
            if found is not None:
                curves.setdefault(found[0], []).append((found[1], answers))
        rows = [
            row
            for curve, cells in curves.items()
            if len({strength for strength, _ in cells}) > 1
            for row in _rows(curve, sorted(cells, key=lambda cell: cell[0]), results.seed)
        ]
        note = f"no cells with cue conflict differ only in {self.over!r}; set over= to the name of a parameter"
        return table(rows, "strength", note="" if rows else note)


def _strength(answers: Answers, over: str) -> tuple[_Curve, float] | None:
    dataset, condition = answers.dataset, answers.condition
    of_dataset, of_condition = (number_in(answers.texts[role], over) for role in ("dataset", "condition"))
    if (of_dataset is None) == (of_condition is None):
        return None
    if of_dataset is not None:
        dataset, strength = of_dataset
    elif of_condition is not None:
        condition, strength = of_condition
    return _Curve(dataset, answers.model, condition, answers.eps), strength


def _rows(curve: _Curve, cells: Sequence[tuple[float, Answers]], seed: int) -> Iterator[dict[str, Any]]:
    for strength, answers in cells:
        yield record(answers, "cue-strength", shape_bias(answers), strength=strength)
    strengths = np.array([strength for strength, _ in cells])
    choices = pd.concat([followed(answers) for _, answers in cells], axis=1).fillna(_ABSENT).to_numpy(dtype=np.int64)
    yield record(curve, "point-of-equal-reliance", _point(choices, strengths, seed), strength=np.nan)


def _point(choices: NDArray[np.int64], strengths: NDArray[np.float64], seed: int) -> Estimate:
    """Estimate the crossing; an image is drawn with its choices at all strengths."""
    patterns, counts = np.unique(choices, axis=0, return_counts=True)
    by_shape, by_texture = (patterns == SHAPE).astype(float), (patterns == TEXTURE).astype(float)

    def crossing(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return equal_reliance(strengths, counts @ by_shape, counts @ by_texture)

    def within(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.clip(crossing(counts), strengths.min(), strengths.max()))

    decided = int(counts @ (by_shape + by_texture).sum(axis=1))
    if not strengths.min() <= float(crossing(counts)) <= strengths.max():
        return Estimate(np.nan, np.nan, np.nan, decided, BOOTSTRAP)
    return bootstrap(counts, within, seed, n=decided)


def equal_reliance(
    strengths: NDArray[np.float64], shape: NDArray[np.float64], texture: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit logistic curves and return where they cross 1/2.

    Args:
        strengths: (L,).
        shape, texture: (..., L) choices by shape and by texture.

    Returns:
        (...).

    >>> strengths = np.array([0.0, 1.0, 2.0])
    >>> float(equal_reliance(strengths, np.array([9.0, 5.0, 1.0]), np.array([1.0, 5.0, 9.0])).round(6))
    1.0
    """
    if len({*strengths.tolist()}) < 2:
        return np.full(shape.shape[:-1], np.nan)
    scale = strengths.std()
    x = (strengths - strengths.mean()) / scale
    intercept, slope = _logistic_fit(x, shape + 1 / 2, shape + texture + 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # a flat curve crosses nowhere
        crossing: NDArray[np.float64] = strengths.mean() - scale * intercept / slope
    return crossing


def _logistic_fit(
    x: NDArray[np.float64], hits: NDArray[np.float64], trials: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the intercept and the slope that maximise the likelihood of ``hits`` among ``trials``.

    Newton's method on a concave function.  A step that does not raise the likelihood is halved: where the choices are
    almost separated by the strength, a whole step goes too far and the next one further.
    """

    def loss(intercept: NDArray[np.float64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = intercept[..., None] + slope[..., None] * x
        return np.asarray((trials * np.logaddexp(0, logits) - hits * logits).sum(axis=-1))

    intercept = slope = np.zeros(trials.shape[:-1])
    reached = loss(intercept, slope)
    for _ in range(_STEPS):
        logits = intercept[..., None] + slope[..., None] * x
        p, q = np.exp(-np.logaddexp(0, -logits)), np.exp(-np.logaddexp(0, logits))
        residual, weight = hits * q - (trials - hits) * p, trials * p * q + _LEAST_WEIGHT
        # Around the weighted mean of x the two parameters do not depend on each other: no determinant that cancels.
        mean = (weight * x).sum(axis=-1) / weight.sum(axis=-1)
        centred = x - mean[..., None]
        turn = (residual * centred).sum(axis=-1) / (weight * centred**2).sum(axis=-1)
        shift = residual.sum(axis=-1) / weight.sum(axis=-1) - turn * mean
        size = np.ones_like(turn)
        for _ in range(_HALVINGS):
            worse = loss(intercept + size * shift, slope + size * turn) > reached
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        else:
            size = np.where(worse, 0.0, size)  # nothing better is left within the precision of numbers
        intercept, slope = intercept + size * shift, slope + size * turn
        reached = loss(intercept, slope)
        if not (size * (np.abs(shift) + np.abs(turn)) > _PRECISE * (1 + np.abs(slope))).any():
            break
    return intercept, slope
