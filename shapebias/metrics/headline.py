"""Headline: how much each model relies on shape and on texture, in a single table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import attrs
import pandas as pd

from shapebias.metrics._cues import cues_of, shape_bias
from shapebias.metrics._paired import (
    Correction,
    Difference,
    accuracy_difference,
    adjusted,
    shape_bias_difference,
    value_difference,
)
from shapebias.metrics._regions import CONTOUR_WIDTH, REGIONS, Cutter
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import Estimate, mean, wilson
from shapebias.metrics.paired_difference import reference_model
from shapebias.plugins.study_results import Answers, CellNames, StudyResults
from shapebias.spelling.params import param

__all__ = ["Headline"]

Cue: TypeAlias = Literal["both", "shape", "texture"]

_DIFFERENCE = ("difference", "difference_low", "difference_high", "p", "p_adjusted")
_COLUMNS = ("cue", "saliency", "region", "against", *_DIFFERENCE)


@attrs.frozen(eq=False)
class _Measured:
    """One number of one model, and how to compare it with the same number of another model."""

    cell: CellNames
    metric: str
    cue: Cue
    estimate: Estimate
    data: Any
    compare: Callable[[Any, Any], Difference]
    saliency: str | None = None
    region: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What numbers of several models must share to be compared."""
        cell = self.cell
        return (self.metric, cell.dataset, cell.condition, self.saliency, self.region)


@attrs.frozen
class Headline:
    """Evidence for shape and evidence for texture, for each model, and the difference from a reference model.

    Rows by ``cue``, the cue that a large value is evidence for:

    - ``shape``: the shape bias where cues conflict; accuracy where only the shape shows the class (outlines, edges,
      silhouettes, or a condition that destroys texture); the share of saliency on the object's contour;
    - ``texture``: accuracy where only the texture shows the class (or under a condition that destroys shape); the share
      of saliency inside the object;
    - ``both``: accuracy on clean images with both cues, with which to compare the others.

    Attacks are left out, and so are conditions that destroy both cues or neither.

    Args:
        against: the name in tables of the model that the others are compared with; default the first.
        correction: the correction of the p-values for their number.
    """

    against: str = param("model that the others are compared with; empty for the first", default="")
    correction: Correction = param("correction of the p-values for their number", default="holm")

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each model and number: both cues first, then shape, then texture."""
        measured = sorted(
            [*_of_answers(results), *_of_maps(results)], key=lambda one: ("both", "shape", "texture").index(one.cue)
        )
        reference = reference_model(results.answers(), self.against)
        standards = {one.key: one for one in measured if one.cell.model == reference}
        rows = [_row(one, standards.get(one.key)) for one in measured]
        found = table(rows, *_COLUMNS, note="" if rows else "no finished predictions with labels")
        found["p_adjusted"] = adjusted(found["p"].to_numpy(float), self.correction)
        return found.astype(dict.fromkeys(_DIFFERENCE, float))


def _of_answers(results: StudyResults) -> Iterator[_Measured]:
    def compare_biases(first: Answers, second: Answers) -> Difference:
        return shape_bias_difference(first, second, results.seed)

    answers = [cell for cell in results.answers() if cell.eps is None]
    conflicts = {cell.dataset for cell in answers if _is_clean(cell) and cues_of(cell) == "conflict"}
    for cell in answers:
        if cues_of(cell) == "conflict":
            # A conflict that the condition makes counts; what it leaves of the data set's says less than the clean one.
            if _is_clean(cell) or cell.dataset not in conflicts:
                yield _Measured(cell, "shape-bias", "shape", shape_bias(cell), cell, compare_biases)
        elif (cue := _cue(cell)) is not None and (cell.labels >= 0).any():
            right = correctness(cell)
            accuracy = wilson(int(right.sum()), len(right))
            yield _Measured(cell, "accuracy", cue, accuracy, cell, accuracy_difference)


def _is_clean(cell: Answers) -> bool:
    return cell.texts["condition"] == "clean"


def _cue(cell: Answers) -> Cue | None:
    """Return the cue that a correct answer is evidence for; None if it is evidence for neither."""
    left = cues_of(cell)
    if _is_clean(cell):
        return left if left != "conflict" else None
    no_texture, no_shape = "texture" in cell.destroys, "shape" in cell.destroys
    if left != "both" or no_texture == no_shape:
        return None
    return "shape" if no_texture else "texture"


def _of_maps(results: StudyResults) -> Iterator[_Measured]:
    def compare(first: pd.Series[float], second: pd.Series[float]) -> Difference:
        return value_difference(first, second, results.seed)

    cutter = Cutter(CONTOUR_WIDTH)
    cues: tuple[tuple[str, Cue], ...] = (("contour", "shape"), ("inside", "texture"))
    for maps in results.maps():
        found = cutter.shares(maps) if maps.texts["condition"] == "clean" else None
        if found is None:
            continue
        for region, cue in cues:
            share = pd.Series(found[0][:, REGIONS.index(region)], index=pd.Index(maps.ids))
            value = mean(share.to_numpy(), results.seed)
            yield _Measured(maps, "saliency-share", cue, value, share, compare, maps.saliency, region)


def _row(one: _Measured, standard: _Measured | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"cue": one.cue, "saliency": one.saliency, "region": one.region}
    if standard is not None and standard is not one:
        difference = one.compare(one.data, standard.data)
        estimate = difference.estimate
        facts |= {"against": standard.cell.model, "p": difference.p, "difference": estimate.value}
        facts |= {"difference_low": estimate.low, "difference_high": estimate.high}
    return record(one.cell, one.metric, one.estimate, **facts)
