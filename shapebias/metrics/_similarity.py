"""Measures of how similar two saliency maps of one image are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

__all__ = ["overlap", "spearman", "ssim"]

_SIGMA, _REACH = 1.5, 5  # Wang et al. 2004: a Gaussian window of 11 x 11 pixels
_C1, _C2 = 0.01**2, 0.03**2


def spearman(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rank correlation of two maps for each image, (N,); NaN if one map is constant.

    Spearman 1904, "The proof and measurement of association between two things"; equal pixels share the mean rank.

    Args:
        first, second: (N, H, W).
    """
    ranks = [stats.rankdata(each.reshape(len(each), -1), axis=1) for each in (first, second)]
    one, other = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: a constant map ranks nothing
        correlation: NDArray[np.float64] = (one * other).sum(axis=1) / np.sqrt(
            (one**2).sum(axis=1) * (other**2).sum(axis=1)
        )
    return correlation


def ssim(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """Return the structural similarity of two maps for each image, (N,).

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13, with its
    Gaussian window, averaged over the positions at which the window is inside the map (over all positions in
    smaller maps).  Each map is first divided by its largest value, so that its range is 1.

    Args:
        first, second: (N, H, W), not negative.
    """
    one, other = (_to_one(each) for each in (first, second))

    def local(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = ndimage.gaussian_filter(values, (0, _SIGMA, _SIGMA), radius=(0, _REACH, _REACH))
        return smooth

    means, squares = (local(one), local(other)), (local(one**2), local(other**2))
    variances = [square - mean**2 for square, mean in zip(squares, means, strict=True)]
    covariance = local(one * other) - means[0] * means[1]
    similar = (2 * means[0] * means[1] + _C1) * (2 * covariance + _C2)
    similar /= (means[0] ** 2 + means[1] ** 2 + _C1) * (variances[0] + variances[1] + _C2)
    inner = [slice(_REACH, -_REACH) if size > 2 * _REACH else slice(None) for size in similar.shape[1:]]
    average: NDArray[np.float64] = similar[:, inner[0], inner[1]].mean(axis=(1, 2))
    return average


def _to_one(maps: NDArray[Any]) -> NDArray[np.float64]:
    largest = maps.max(axis=(1, 2), keepdims=True)
    return maps.astype(np.float64) / np.where(largest > 0, largest, 1)


def overlap(first: NDArray[Any], second: NDArray[Any], share: float) -> NDArray[np.float64]:
    """Return the share of the largest pixels of one map that are among the largest of the other, for each image, (N,).

    Ghorbani, Abid & Zou 2019, "Interpretation of neural networks is fragile", section 2: top-k intersection.  Of pixels
    with equal values, the first in row-major order counts as larger.

    Args:
        first, second: (N, H, W).
        share: share of the pixels that count as the largest.
    """
    flat = [each.reshape(len(each), -1) for each in (first, second)]
    count = max(1, round(share * flat[0].shape[1]))
    largest = [np.zeros(each.shape, dtype=bool) for each in flat]
    for chosen, each in zip(largest, flat, strict=True):
        np.put_along_axis(chosen, np.argsort(-each, axis=1, kind="stable")[:, :count], values=True, axis=1)
    common: NDArray[np.float64] = (largest[0] & largest[1]).sum(axis=1) / count
    return common
