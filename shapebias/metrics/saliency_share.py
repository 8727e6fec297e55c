"""Saliency share: how much of a map lies on the object's contour, inside the object, and in the background."""

from __future__ import annotations

import attrs
import pandas as pd

from shapebias.metrics._regions import CONTOUR_WIDTH, REGIONS, Cutter
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import StudyResults
from shapebias.spelling.params import param

__all__ = ["SaliencyShare"]


@attrs.frozen
class SaliencyShare:
    """Mean over images of the share of a map's magnitude in each of three regions.

    A classifier that relies on shape has its saliency on the contour, one that relies on texture inside the object.
    The column ``area`` is the region's share of the pixels, which a random map would have there, so ``value / area``
    is the ratio to chance.  Images need masks, and the condition must not move pixels.

    Args:
        width: a pixel is on the contour if its centre is at most this far from the object's outline, on either side.
    """

    width: float = param(
        "half the width of the contour's band", default=CONTOUR_WIDTH, gt=0, le=1, unit="share of the height"
    )

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each saliency cell and region, with a bootstrap interval over images."""
        cutter, rows = Cutter(self.width), []
        for maps in results.maps():
            found = cutter.shares(maps)
            if found is None:
                continue
            shares, area = found
            for position, region in enumerate(REGIONS):
                share = mean(shares[:, position], results.seed)
                facts = {"saliency": maps.saliency, "region": region, "area": float(area[:, position].mean())}
                rows.append(record(maps, "saliency-share", share, **facts))
        note = "no maps of images with masks, under a condition that leaves objects where they are"
        return table(rows, "saliency", "region", "area", note="" if rows else note)
