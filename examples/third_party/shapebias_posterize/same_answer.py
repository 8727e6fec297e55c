"""``same-answer``: how many answers a condition does not change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd

from shapebias.plugin import record, table, wilson

if TYPE_CHECKING:
    from shapebias.plugin import Answers, StudyResults


@attrs.frozen
class SameAnswer:
    """Images with the same answer under a condition and when clean / images with both answers."""

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell whose data set and model have a clean cell too."""
        return table([*self._rows(results.answers())])

    def _rows(self, cells: Sequence[Answers]) -> Iterator[dict[str, Any]]:
        clean = {(cell.dataset, cell.model): cell for cell in cells if cell.condition == "clean"}
        for cell in cells:
            reference = clean.get((cell.dataset, cell.model))
            if reference is None or reference is cell:
                continue
            _, here, there = np.intersect1d(cell.ids, reference.ids, return_indices=True)
            same = cell.prediction[here] == reference.prediction[there]
            if len(same):
                yield record(cell, "same-answer", wilson(int(same.sum()), len(same)))
