"""Robust accuracy: the share of images on which no attack up to eps has succeeded."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pandas as pd

from shapebias.metrics.frames import correctness, not_searched, record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import Answers, StudyResults

__all__ = ["RobustAccuracy"]


@attrs.frozen
class RobustAccuracy:
    """Images answered correctly at eps and at every smaller eps of the cell / images with a known label.

    A ball contains the smaller ones, so an adversarial example in a small ball also counts in a larger one: the curve
    never increases.  Only cells of an attack have an eps.  An attack gives an upper bound of the true robust
    accuracy: a stronger one may find more (Carlini et al. 2019, "On evaluating adversarial robustness").

    If a gradient was NaN or infinite, the attack has not searched, so a correct answer shows no robustness: the image
    is left out of the cell's whole curve, and counted in the column ``gradient_failed``.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each attacked cell and eps, eps ascending, with Wilson's interval."""
        curves: dict[tuple[str, str, str], list[Answers]] = {}
        for answers in results.answers():
            if answers.eps is not None:
                curves.setdefault((answers.dataset, answers.model, answers.condition), []).append(answers)
        rows = []
        for curve in curves.values():
            unknown = functools.reduce(operator.or_, map(not_searched, curve))
            standing: pd.Series[bool] | bool = True
            for answers in sorted(curve, key=lambda answers: answers.eps or 0.0):
                standing = correctness(answers) & standing
                hits, n = int((standing & ~unknown).sum()), int((~unknown).sum())
                rows.append(record(answers, "robust-accuracy", wilson(hits, n), gradient_failed=int(unknown.sum())))
        return table(rows, "gradient_failed", note=_note(rows))


def _note(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "no finished predictions under an attack, such as pgd:eps=1/255,2/255"
    if any(row["gradient_failed"] for row in rows):
        return (
            "gradient_failed: images that are answered correctly but for which a gradient of the attack was NaN or "
            "infinite; they show no robustness and are not in n"
        )
    return ""
