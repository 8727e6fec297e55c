"""Sanity: how similar a saliency map stays as the network is randomised, layer by layer."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import StudyResults

__all__ = ["Sanity"]


@attrs.frozen
class Sanity:
    """Mean over images of the rank correlations that the probe ``randomization`` has stored.

    The column ``randomized`` is the share of the layers that are randomised, those nearest to the outputs first.  The
    value of a method that depends on the model drops to 0; that of a method that depends only on the image, like the
    control ``edge-detector``, stays at 1.
    Adebayo et al. 2018, "Sanity checks for saliency maps", section 4.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each stage of each cell of the probe, with a bootstrap interval over images."""
        rows = []
        for cell in results.values():
            similar = cell.values.get("spearman")  # noqa: PD011 - a mapping, no data frame
            if similar is None:
                continue
            stages = similar.shape[1]
            for stage, values in enumerate(similar.T, start=1):
                value = mean(values, results.seed)
                rows.append(record(cell, "sanity", value, saliency=cell.saliency, randomized=stage / stages))
        return table(rows, "saliency", "randomized", note="" if rows else "no finished probe randomization")
