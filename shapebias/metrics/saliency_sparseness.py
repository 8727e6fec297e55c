"""Saliency sparseness: is a map concentrated on few pixels or spread over all?"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import StudyResults

__all__ = ["SaliencySparseness", "gini"]


@attrs.frozen
class SaliencySparseness:
    """Mean over images of the Gini index of a map's magnitudes.

    It is 0 if all pixels are equal, and nearly 1 if all magnitude is in one pixel.  Chalasani et al. 2020, "Concise
    explanations of neural networks using adversarial training", section 4: adversarial training makes maps sparser.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each saliency cell, with a bootstrap interval over images."""
        rows = [
            record(cell, "saliency-sparseness", mean(gini(cell.maps), results.seed), saliency=cell.saliency)
            for cell in results.maps()
        ]
        return table(rows, "saliency", note="" if rows else "no finished saliency maps")


def gini(maps: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Gini index of each map's magnitudes, (N,); NaN for a map that is 0 everywhere.

    Hurley & Rickard 2009, "Comparing measures of sparsity", equation 10.

    Args:
        maps: (N, H, W).

    >>> gini(np.array([[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]]))
    array([0.  , 0.75])
    """
    ascending = np.sort(abs(maps.reshape(len(maps), -1)).astype(np.float64), axis=1)
    pixels = ascending.shape[1]
    weights = (pixels - np.arange(1, pixels + 1) + 1 / 2) / pixels
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: the map is 0 everywhere
        index: NDArray[np.float64] = 1 - 2 * (ascending @ weights) / ascending.sum(axis=1)
    return index
