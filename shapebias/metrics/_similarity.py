"""Measures of how similar two saliency maps of one image are."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

__all__ = ["ComparedMaps", "overlap", "spearman", "ssim"]

_SIGMA, _REACH = 1.5, 5  # Wang et al. 2004: a Gaussian window of 11 x 11 pixels
_C1, _C2 = 0.01**2, 0.03**2


@attrs.frozen(eq=False)
class ComparedMaps:
    """Maps, and what a comparison needs of each alone: it is computed once, however many maps they are compared with.

    Args:
        maps: (N, H, W), not negative.
        top: share of the pixels that count as the largest.
    """

    maps: NDArray[Any]
    top: float = 0.1

    @property
    def nbytes(self) -> int:
        """The memory that all of it needs, in bytes."""
        return int(self.maps.nbytes) + self.maps.size * (4 * np.dtype(np.float64).itemsize + 1)

    @cached_property
    def ranks(self) -> NDArray[np.float64]:
        """The rank of each pixel in its map minus the mean rank, (N, H W); equal pixels share the mean of theirs."""
        ranks: NDArray[np.float64] = stats.rankdata(self._flat, axis=1)
        ranks -= ranks.mean(axis=1, keepdims=True)
        return ranks

    @cached_property
    def largest(self) -> NDArray[np.bool_]:
        """Whether a pixel is among the largest of its map, (N, H W).

        Of pixels with equal values, the first in row-major order counts as larger.
        """
        chosen = np.zeros(self._flat.shape, dtype=bool)
        order = np.argsort(-self._flat, axis=1, kind="stable")
        np.put_along_axis(chosen, order[:, : self.largest_count], values=True, axis=1)
        return chosen

    @property
    def largest_count(self) -> int:
        """The number of pixels of a map that count as the largest."""
        return max(1, round(self.top * int(self._flat[0].size)))

    @property
    def _flat(self) -> NDArray[Any]:
        return self.maps.reshape(len(self.maps), -1)

    @cached_property
    def scaled(self) -> NDArray[np.float64]:
        """The maps, each divided by its largest value."""
        largest = self.maps.max(axis=(1, 2), keepdims=True)
        return self.maps.astype(np.float64) / np.where(largest > 0, largest, 1)

    @cached_property
    def local_mean(self) -> NDArray[np.float64]:
        """The mean of the scaled map in the window around each pixel."""
        return _smooth(self.scaled)

    @cached_property
    def local_variance(self) -> NDArray[np.float64]:
        """The variance of the scaled map in the window around each pixel."""
        return _smooth(self.scaled**2) - self.local_mean**2


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = ndimage.gaussian_filter(values, (0, _SIGMA, _SIGMA), radius=(0, _REACH, _REACH))
    return smooth


def spearman(first: ComparedMaps, second: ComparedMaps) -> NDArray[np.float64]:
    """Return the rank correlation of two maps for each image, (N,); NaN if one map is constant.

    Spearman 1904, "The proof and measurement of association between two things".
    """
    one, other = first.ranks, second.ranks
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: a constant map ranks nothing
        correlation: NDArray[np.float64] = (one * other).sum(axis=1) / np.sqrt(
            (one**2).sum(axis=1) * (other**2).sum(axis=1)
        )
    return correlation


def ssim(first: ComparedMaps, second: ComparedMaps) -> NDArray[np.float64]:
    """Return the structural similarity of two maps for each image, (N,).

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13, with its
    Gaussian window, averaged over the positions at which the window is inside the map (over all positions in
    smaller maps).  Each map is first divided by its largest value, so that its range is 1.
    """
    one, other = first.local_mean, second.local_mean
    covariance = _smooth(first.scaled * second.scaled) - one * other
    similar = (2 * one * other + _C1) * (2 * covariance + _C2)
    similar /= (one**2 + other**2 + _C1) * (first.local_variance + second.local_variance + _C2)
    inner = [slice(_REACH, -_REACH) if size > 2 * _REACH else slice(None) for size in similar.shape[1:]]
    average: NDArray[np.float64] = similar[:, inner[0], inner[1]].mean(axis=(1, 2))
    return average


def overlap(first: ComparedMaps, second: ComparedMaps) -> NDArray[np.float64]:
    """Return the share of the largest pixels of one map that are among the largest of the other, for each image, (N,).

    Ghorbani, Abid & Zou 2019, "Interpretation of neural networks is fragile", section 2: top-k intersection.
    """
    common: NDArray[np.float64] = (first.largest & second.largest).sum(axis=1) / first.largest_count
    return common
