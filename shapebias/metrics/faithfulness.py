"""Faithfulness of saliency maps: the mean area under insertion and deletion curves."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.contracts import Results
from shapebias.metrics._intervals import Estimate, bootstrap
from shapebias.metrics._tables import record, table

__all__ = ["Faithfulness"]


@attrs.frozen
class Faithfulness:
    """Mean over images of the ``auc`` that a probe of saliency maps has stored.

    Petsiuk, Das & Saenko 2018, "RISE: randomized input sampling for explanation of black-box models", section 4.  Of
    two saliency methods on one model, the more faithful one has the larger insertion and the smaller deletion area.
    """

    def __call__(self, results: Results) -> pd.DataFrame:
        """Return one row for each cell of a probe with areas, with a bootstrap interval over images."""
        rows = []
        for cell in results.values():
            areas = cell.values.get("auc")  # noqa: PD011 - a mapping, no data frame
            if areas is not None:
                mean = _mean(areas, results.seed)
                rows.append(record(cell, "faithfulness", mean, saliency=cell.saliency, probe=cell.probe))
        return table(rows, "saliency", "probe", note="" if rows else "no finished probe insertion or deletion")


def _mean(areas: NDArray[np.floating[Any]], seed: int) -> Estimate:
    # Sorted, so that the same resamples are drawn whatever the order of the images.
    areas = np.sort(areas).astype(np.float64)

    def mean(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        weighted: NDArray[np.float64] = counts @ areas
        return weighted / len(areas)

    return bootstrap(np.ones(len(areas), dtype=np.int64), mean, seed)
