"""``same-answer``: how many answers a condition leaves as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd
from scipy.stats import binomtest

if TYPE_CHECKING:
    from shapebias.contracts import Answers, Results

COLUMNS = ["dataset", "model", "condition", "eps", "metric", "value", "low", "high", "n", "method"]


@attrs.frozen
class SameAnswer:
    """Images with the same answer under a condition and when clean / images with both answers."""

    def __call__(self, results: Results) -> pd.DataFrame:
        """Return one row for each cell whose data set and model have a clean cell too."""
        return pd.DataFrame([*self._rows(results.answers())], columns=COLUMNS)

    def _rows(self, cells: Sequence[Answers]) -> Iterator[tuple[object, ...]]:
        clean = {(cell.dataset, cell.model): cell for cell in cells if cell.condition == "clean"}
        for cell in cells:
            reference = clean.get((cell.dataset, cell.model))
            if reference is None or reference is cell:
                continue
            _, here, there = np.intersect1d(cell.ids, reference.ids, return_indices=True)
            same = cell.prediction[here] == reference.prediction[there]
            if len(same):
                place = (cell.dataset, cell.model, cell.condition, cell.eps)
                interval = binomtest(int(same.sum()), len(same)).proportion_ci(method="wilson")
                yield *place, "same-answer", same.mean(), interval.low, interval.high, len(same), "Wilson 95 %"
