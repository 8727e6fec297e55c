"""Robust accuracy: the share of images that no attack up to eps has fooled."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.contracts import Answers, Results
from shapebias.metrics.intervals import wilson
from shapebias.metrics.tables import correctness, record, table

__all__ = ["RobustAccuracy"]


@attrs.frozen
class RobustAccuracy:
    """Images answered right at eps and at every smaller eps of the cell / images with a known label.

    A ball contains the smaller ones, so what fools the model in a small ball also counts in a larger one: the curve
    never increases.  Only cells of an attack have an eps.  An attack gives an upper bound of the true robust
    accuracy: a stronger one may find more (Carlini et al. 2019, "On evaluating adversarial robustness").
    """

    def __call__(self, results: Results) -> pd.DataFrame:
        """Return one row for each attacked cell and eps, eps ascending, with Wilson's interval."""
        curves: dict[tuple[str, str, str], list[Answers]] = {}
        for answers in results.answers():
            if answers.eps is not None:
                curves.setdefault((answers.dataset, answers.model, answers.condition), []).append(answers)
        rows = []
        for curve in curves.values():
            standing: pd.Series[bool] | bool = True
            for answers in sorted(curve, key=lambda answers: answers.eps or 0.0):
                standing = correctness(answers) & standing
                rows.append(record(answers, "robust-accuracy", wilson(int(standing.sum()), len(standing))))
        return table(rows, note="" if rows else "no finished predictions under an attack, such as pgd:eps=1/255,2/255")
