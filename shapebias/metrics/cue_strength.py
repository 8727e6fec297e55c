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
from shapebias.plugins.protocols import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["CueStrength", "equal_reliance"]

_ABSENT = 3
_STEPS = 30


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
            if len(cells) > 1
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
    scale = strengths.std() or 1.0
    x = (strengths - strengths.mean()) / scale
    hits, trials = shape + 1 / 2, shape + texture + 1
    intercept = slope = np.zeros(trials.shape[:-1])
    for _ in range(_STEPS):  # Newton's method on a concave likelihood
        p = 1 / (1 + np.exp(-(intercept[..., None] + slope[..., None] * x)))
        residual, weight = hits - trials * p, trials * p * (1 - p) + 1e-12
        (g0, g1), (h0, h1, h2) = _moments(residual, x, 2), _moments(weight, x, 3)
        determinant = h0 * h2 - h1**2
        intercept = intercept + np.clip((h2 * g0 - h1 * g1) / determinant, -2, 2)
        slope = slope + np.clip((h0 * g1 - h1 * g0) / determinant, -2, 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # a flat curve crosses nowhere
        crossing: NDArray[np.float64] = strengths.mean() - scale * intercept / slope
    return crossing


def _moments(values: NDArray[np.float64], x: NDArray[np.float64], count: int) -> list[NDArray[np.float64]]:
    return [(values * x**power).sum(axis=-1) for power in range(count)]
