"""Probe mean: the mean over images of every number that a probe has stored."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import StudyResults

__all__ = ["ProbeMean"]


@attrs.frozen
class ProbeMean:
    """Mean over images of each quantity of which a probe has stored one number per image.

    This gives the numbers of any probe error bars, without a metric for that probe.  Curves and grids, which have more
    numbers per image, are left out; ``n`` counts the images whose number is not NaN.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each quantity of each cell of a probe, with a bootstrap interval over images."""
        rows = [
            record(
                cell,
                "probe-mean",
                mean(numbers, results.seed),
                saliency=cell.saliency,
                probe=cell.probe,
                quantity=quantity,
            )
            for cell in results.values()
            for quantity, numbers in cell.values.items()  # noqa: PD011 - a mapping, no data frame
            if numbers.ndim == 1
        ]
        note = "" if rows else "no finished probe has stored one number per image"
        return table(rows, "saliency", "probe", "quantity", note=note)
