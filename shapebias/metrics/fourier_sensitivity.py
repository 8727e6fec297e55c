"""Fourier sensitivity: the error rate under noise of each spatial frequency."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import StudyResults

__all__ = ["FourierSensitivity"]


@attrs.frozen
class FourierSensitivity:
    """Images misclassified under noise of one frequency / images, from the probe ``fourier-heatmap``.

    Yin et al. 2019, "A Fourier perspective on model robustness in computer vision", section 3.  Columns ``down`` and
    ``across`` are the wave's cycles per image.  A wave and its opposite are the same, so only one of them is listed.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each cell of the probe and each wave, with Wilson's interval."""
        rows = []
        for cell in results.values():
            wrong = cell.values.get("wrong")  # noqa: PD011 - a mapping, no data frame
            if wrong is None:
                continue
            reach = wrong.shape[1] // 2
            for down in range(reach + 1):
                for across in range(-reach if down else 0, reach + 1):
                    count = int(wrong[:, reach + down, reach + across].sum())
                    rate = wilson(count, len(wrong))
                    rows.append(record(cell, "fourier-sensitivity", rate, down=down, across=across))
        return table(rows, "down", "across", note="" if rows else "no finished probe fourier-heatmap")
