"""Faithfulness of saliency maps: the mean area under insertion and deletion curves."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import StudyResults

__all__ = ["Faithfulness"]


@attrs.frozen
class Faithfulness:
    """Mean over images of the ``auc`` that a probe of saliency maps has stored.

    Petsiuk, Das & Saenko 2018, "RISE: randomized input sampling for explanation of black-box models", section 4.  Of
    two saliency methods for one model, the more faithful one has the larger insertion and the smaller deletion area.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell of a probe with areas, with a bootstrap interval over images."""
        rows = []
        for cell in results.values():
            areas = cell.values.get("auc")  # noqa: PD011 - a mapping, no data frame
            if areas is not None:
                area = mean(areas, results.seed)
                rows.append(record(cell, "faithfulness", area, saliency=cell.saliency, probe=cell.probe))
        return table(rows, "saliency", "probe", note="" if rows else "no finished probe insertion or deletion")
