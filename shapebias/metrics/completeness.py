"""Completeness of saliency maps: how far the sum of the attributions is from the difference it should equal."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, bootstrap
from shapebias.plugins.study_results import StudyResults

__all__ = ["Completeness"]


@attrs.frozen
class Completeness:
    """Mean size of the stored ``completeness_error`` / mean size of the ``difference`` that attributions should sum to.

    Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", proposition 1 and section 5: attributions
    should add up to the difference between image and baseline within 5 %.  If no image differs from its baseline, the
    number is undefined, with ``n`` 0.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell of a saliency method with an error, with a bootstrap interval over images."""
        rows = [
            record(cell, "completeness", _ratio(cell.extras, results.seed), saliency=cell.saliency)
            for cell in results.maps()
            if "completeness_error" in cell.extras
        ]
        note = "" if rows else "no finished saliency method has stored its completeness error"
        if any(row["n"] == 0 for row in rows):
            note = "undefined where the model answers every image as it answers the baseline: nothing to attribute"
        return table(rows, "saliency", note=note)


def _ratio(extras: Any, seed: int) -> Estimate:
    sizes = np.abs(np.stack([extras["completeness_error"], extras["difference"]], axis=1), dtype=np.float64)
    sizes = sizes[np.isfinite(sizes).all(axis=1)]
    if not sizes[:, 1].any():
        return Estimate(np.nan, np.nan, np.nan, 0, BOOTSTRAP)
    # Sorted, so that the same resamples are drawn whatever the order of the images.
    sizes = sizes[np.lexsort(sizes.T)]

    def ratio(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        errors, differences = (counts @ sizes).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(errors / differences)

    return bootstrap(np.ones(len(sizes), dtype=np.int64), ratio, seed)
