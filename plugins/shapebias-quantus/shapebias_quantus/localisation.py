"""Localisation: agreement of a map with the mask of the object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.plugin import mean, param, record, table

__all__ = ["Localisation"]

_BLOCK = 64  # images at a time, because rank-accuracy keeps a list of all pixels


@attrs.frozen
class Localisation:
    """Quantus's measures of the agreement of a map's magnitudes with the mask of the object; higher is better for all.

    Rows by ``measure``: ``pointing-game``, share of images with one of the largest pixels on the object (Zhang et al.
    2018); ``rank-accuracy``, share of pixels on the object among the n largest, where n is the number of pixels of the
    object, and ``mass-accuracy``, share of the map on the object (both Arras et al. 2022); ``top-k``, share of pixels
    on the object among the ``k`` largest; ``auc``, the area under the ROC curve of the map as a
    score of being on the object, 0.5 by chance (Fawcett 2006).

    Images without an object, maps that are 0 everywhere, and conditions that move pixels are left out.
    """

    k: int = param("pixels of top-k", default=100, ge=1)

    def __call__(self, results: Any) -> pd.DataFrame:
        """Return one row for each measure of each saliency cell, with a bootstrap interval over images."""
        cells = [cell for cell in results.maps() if cell.masks is not None and not cell.moves_pixels]
        rows = [row for cell in cells for row in self._rows(cell, results.seed)]
        note = "no maps of images with masks, under a condition that leaves objects where they are"
        return table(rows, "saliency", "measure", note="" if rows else note)

    def _rows(self, cell: Any, seed: int) -> Iterator[dict[str, Any]]:
        import quantus  # here, because a page computes every metric, and without masks this one needs no library

        from shapebias_quantus.adapter import evaluate_batch

        maps, masks = cell.maps, cell.masks
        there = masks.any(axis=(1, 2)) & maps.any(axis=(1, 2))  # in a map of zeros all pixels are the largest
        maps, masks = maps[there], masks[there]
        blocks = [slice(first, first + _BLOCK) for first in range(0, len(maps), _BLOCK)]
        measures = {
            "pointing-game": quantus.PointingGame(disable_warnings=True),
            "rank-accuracy": quantus.RelevanceRankAccuracy(disable_warnings=True),
            "mass-accuracy": quantus.RelevanceMassAccuracy(disable_warnings=True),
            "top-k": quantus.TopKIntersection(k=self.k, disable_warnings=True),
            "auc": quantus.AUC(disable_warnings=True),
        }
        for measure, metric in measures.items():
            found = [
                evaluate_batch(metric, a_batch=np.abs(maps[block], dtype=np.float64), s_batch=masks[block])
                for block in blocks
            ]
            estimate = mean(np.concatenate([*found, []]), seed)
            yield record(cell, "quantus-localisation", estimate, saliency=cell.saliency, measure=measure)
