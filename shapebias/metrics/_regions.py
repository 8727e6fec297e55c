"""Where saliency lies: on an object's contour, inside the object, or in the background."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from shapebias.plugins.study_results import Maps

__all__ = ["CONTOUR_WIDTH", "REGIONS", "Cutter", "regions", "shares"]

REGIONS = ("background", "inside", "contour")

CONTOUR_WIDTH = 1 / 32
"""Half the width of the contour's band, as a share of the image's height: 2 pixels of 64, 7 of 224."""


def regions(masks: NDArray[np.bool_], width: float) -> NDArray[np.int8]:
    """Divide images into three regions.

    Args:
        masks: (N, H, W), true on the object.
        width: a pixel is on the contour if its centre is at most this far from the outline, as a share of the height.

    Returns:
        (N, H, W) indices into :data:`REGIONS`.

    >>> mask = np.zeros((1, 9, 9), dtype=bool)
    >>> mask[:, :, 5:] = True
    >>> regions(mask, width=1 / 9)[0, 0].tolist()
    [0, 0, 0, 0, 2, 2, 1, 1, 1]
    """
    cut = masks.astype(np.int8)
    for region, mask in zip(cut, masks, strict=True):
        if mask.any() and not mask.all():
            # The outline runs between the pixels: half a pixel before the first pixel of the other side.
            distance = np.where(mask, *(ndimage.distance_transform_edt(side) for side in (mask, ~mask))) - 1 / 2
            region[distance <= width * masks.shape[1]] = REGIONS.index("contour")
    return cut


def shares(maps: NDArray[Any], cut: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return the share of each map's magnitude in each region, (N, 3); NaN for a map that is 0 everywhere.

    Args:
        maps: (N, H, W).
        cut: (N, H, W) made by :func:`regions`.
    """
    n = len(maps)
    positions = cut.reshape(n, -1) + len(REGIONS) * np.arange(n)[:, None]
    sums = np.bincount(positions.ravel(), np.abs(maps).ravel(), minlength=len(REGIONS) * n).reshape(n, len(REGIONS))
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: the map is 0 everywhere
        share: NDArray[np.float64] = sums / sums.sum(axis=1, keepdims=True)
    return share


@attrs.define
class Cutter:
    """Measure maps in the regions of their images; the regions of images that several cells share are computed once.

    Args:
        width: see :func:`regions`.
    """

    width: float
    _known: dict[tuple[str, tuple[str, ...]], NDArray[np.int8]] = attrs.field(factory=dict, init=False)

    def shares(self, maps: Maps) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the shares of the maps and of the pixels in each region, (N, 3) each; None without masks."""
        key = (maps.dataset, tuple(maps.ids))
        if maps.moves_pixels:
            return None
        if key not in self._known:
            masks = maps.masks
            if masks is None:
                return None
            self._known = {key: regions(masks, self.width)}  # of one data set at a time: they are as large as its maps
        cut = self._known[key]
        return shares(maps.maps, cut), shares(np.ones(cut.shape), cut)
