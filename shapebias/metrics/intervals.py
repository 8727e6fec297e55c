"""Estimates with their 95 % intervals: Wilson for a proportion, the bootstrap over images for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["BOOTSTRAP", "WILSON", "Estimate", "Statistic", "bootstrap", "mean", "resamples", "wilson"]

Statistic: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.float64]]

WILSON = "Wilson 95 %"
BOOTSTRAP = "bootstrap percentile 95 %"
_Z = 1.959963984540054  # the 97.5 % quantile of the standard normal; scipy.stats takes a second to import
_RESAMPLES = 9_999
_BLOCK = 2**22  # counts drawn at a time: bounds the memory, changes no number


@attrs.frozen
class Estimate:
    """A number with its uncertainty.

    Args:
        value: the number, NaN where it is not defined.
        low, high: its 95 % interval, NaN where there is none.
        n: number of images it is based on.
        method: the kind of interval.
    """

    value: float
    low: float
    high: float
    n: int
    method: str


def wilson(hits: int, n: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval.

    It keeps its level for few images and for proportions near 0 and 1, for which the bootstrap and ±1.96 standard
    errors shrink to nothing.  Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Args:
        hits: number of successes.
        n: number of trials; none gives NaN.

    >>> estimate = wilson(0, 10)
    >>> estimate.value, round(estimate.high, 4)
    (0.0, 0.2775)
    """
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, WILSON)
    share, z2 = hits / n, _Z**2
    centre = (2 * n * share + z2) / (2 * (n + z2))
    half_width = _Z / (2 * (n + z2)) * math.sqrt(4 * n * share * (1 - share) + z2)
    low = 0.0 if hits == 0 else centre - half_width
    high = 1.0 if hits == n else centre + half_width
    return Estimate(share, low, high, n, WILSON)


def bootstrap(counts: NDArray[Any], statistic: Statistic, seed: int, *, n: int | None = None) -> Estimate:
    """Estimate a statistic of counts with the percentile bootstrap over images.

    If a statistic depends only on how many images are in each of K categories, drawing n images with replacement is
    one multinomial draw of the K counts: the same distribution, without a loop over images.
    Efron & Tibshirani 1993, "An introduction to the bootstrap", chapter 13.

    Args:
        counts: (K,) images in each category.
        statistic: takes counts (..., K) and returns (...), NaN where it is not defined; such resamples are left out.
        seed: the study's seed.
        n: number of images to report if not all of them count; default all.

    Returns:
        The estimate; without an interval if there are fewer than two images.

    >>> share = bootstrap(np.array([30, 70]), lambda counts: counts[..., 0] / counts.sum(axis=-1), seed=0)
    >>> share.value, 0.2 < share.low < 0.25, 0.35 < share.high < 0.4
    (0.3, True, True)
    """
    images = int(counts.sum())
    reported = images if n is None else n
    value = float(statistic(counts)) if images else np.nan
    if images < 2 or np.isnan(value):  # one image says nothing about the spread
        return Estimate(value, np.nan, np.nan, reported, BOOTSTRAP)
    resampled = np.concatenate([statistic(drawn) for drawn in resamples(counts, seed)])
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high), reported, BOOTSTRAP)


def resamples(counts: NDArray[Any], seed: int | Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Resample the images with replacement 9,999 times; yield the counts in blocks (R, K) that fit into memory.

    Args:
        counts: (K,) images in each category, at least one in all.
        seed: the study's seed, or a sequence of it and further numbers.
    """
    images = int(counts.sum())
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // counts.size)
    for start in range(0, _RESAMPLES, rows):
        yield rng.multinomial(images, counts / images, min(rows, _RESAMPLES - start))


def mean(values: NDArray[Any], seed: int) -> Estimate:
    """Estimate the mean of one number per image with the percentile bootstrap over images.

    Args:
        values: (N,) numbers; NaN, for an image that has none, is left out.
        seed: the study's seed.

    Returns:
        The estimate; without an interval if there are fewer than two images.

    >>> mean(np.array([0.5, 0.7, np.nan]), seed=0)
    Estimate(value=0.6, low=0.5, high=0.7, n=2, method='bootstrap percentile 95 %')
    """
    values = np.asarray(values, dtype=np.float64)
    values = np.sort(values[~np.isnan(values)])  # sorted: the same resamples whatever the order of the images
    n = len(values)
    value = float(values.mean()) if n else np.nan
    if n < 2:  # one image says nothing about the spread
        return Estimate(value, np.nan, np.nan, n, BOOTSTRAP)
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // n)
    sizes = [min(rows, _RESAMPLES - start) for start in range(0, _RESAMPLES, rows)]
    resampled = np.concatenate([values[rng.integers(0, n, (size, n))].mean(axis=1) for size in sizes])
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, BOOTSTRAP)
