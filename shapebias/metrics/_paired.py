"""Differences between two models on the same images: intervals, tests, and corrections for many tests."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from shapebias.metrics._cues import SHAPE, TEXTURE, followed
from shapebias.metrics.frames import correctness
from shapebias.metrics.intervals import Estimate, bootstrap, mean, wilson
from shapebias.plugins.study_results import Answers

__all__ = [
    "MCNEMAR",
    "NEWCOMBE",
    "PERMUTATION",
    "SMALLEST_P",
    "Correction",
    "Difference",
    "Measure",
    "accuracy_difference",
    "adjusted",
    "newcombe",
    "shape_bias_difference",
    "value_difference",
]

Correction: TypeAlias = Literal["holm", "benjamini-hochberg", "none"]
Measure: TypeAlias = Literal["accuracy", "shape-bias"]

NEWCOMBE = "Newcombe paired 95 %"
MCNEMAR = "McNemar exact"
PERMUTATION = "paired permutation"
_PERMUTATIONS = 9_999
SMALLEST_P = 1 / (1 + _PERMUTATIONS)  # of a permutation test
_BLOCK = 2**22  # signs drawn at a time: bounds the memory, changes no number


@attrs.frozen
class Difference:
    """A difference between two models, first minus second, with its interval and the test of no difference.

    Args:
        estimate: the difference; its ``n`` counts the common images it is based on.
        p: the two-sided p-value, NaN if there is nothing to test.
        test: the name of the test.
    """

    estimate: Estimate
    p: float
    test: str


def accuracy_difference(first: Answers, second: Answers) -> Difference:
    """Compare the accuracies of two models on their common images with known labels.

    The interval is Newcombe's.  The test is McNemar's exact test: the binomial test of 1/2 among the images on which
    only one of the two is right (McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions").
    """
    pairs = pd.concat([correctness(first), correctness(second)], axis=1, join="inner").to_numpy(dtype=np.int64)
    neither, second_only, first_only, both = np.bincount(pairs @ [2, 1], minlength=4).tolist()
    p = stats.binomtest(first_only, first_only + second_only).pvalue if first_only + second_only else 1.0
    return Difference(newcombe(both, first_only, second_only, neither), float(p) if len(pairs) else np.nan, MCNEMAR)


def newcombe(both: int, first_only: int, second_only: int, neither: int) -> Estimate:
    """Estimate the difference of two proportions of the same images.

    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", method 10: the Wilson intervals of the two proportions, squared and added with their correlation.  It keeps
    its level if the two models seldom differ, when the bootstrap's interval shrinks to nothing.

    Args:
        both, first_only, second_only, neither: counts of images by which of the two models is right.

    >>> estimate = newcombe(both=36, first_only=12, second_only=2, neither=0)
    >>> round(estimate.value, 4), round(estimate.low, 4), round(estimate.high, 4)
    (0.2, 0.0569, 0.3404)
    """
    n = both + first_only + second_only + neither
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, NEWCOMBE)
    first, second = wilson(both + first_only, n), wilson(both + second_only, n)
    covariance: float = both * neither - first_only * second_only
    if covariance > 0:  # the continuity correction of the paper
        covariance = max(covariance - n / 2, 0)
    margins = (both + first_only, second_only + neither, both + second_only, first_only + neither)
    phi = covariance / np.sqrt(np.prod(np.array(margins, dtype=float))) if all(margins) else 0.0

    def length(one: float, other: float) -> float:
        return float(np.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0)))

    difference = (first_only - second_only) / n
    below = length(first.value - first.low, second.high - second.value)
    above = length(second.value - second.low, first.high - first.value)
    return Estimate(difference, difference - below, difference + above, n, NEWCOMBE)


def shape_bias_difference(first: Answers, second: Answers, seed: int) -> Difference:
    """Compare the shape bias of two models on their common images with a conflict.

    Each model's bias is computed from the images that it decides.  The interval is the bootstrap's over images with the
    answers of both models.  The permutation test exchanges the two models' answers to each image at random, which would
    change nothing if both models decided alike (Edgington & Onghena 2007, "Randomization tests").
    """
    pairs = pd.concat([followed(first), followed(second)], axis=1, join="inner").to_numpy(dtype=np.int64)
    counts = np.bincount(pairs @ [3, 1], minlength=9)
    estimate = bootstrap(counts, _bias_difference, seed)
    return Difference(estimate, _permutation_p(counts.reshape(3, 3), seed), PERMUTATION)


def _bias_difference(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Subtract shape biases; ``counts`` are (..., 9), the first model's answer in rows and the second's in columns."""
    square = counts.reshape(*counts.shape[:-1], 3, 3)
    difference: NDArray[np.float64] = _bias(square.sum(axis=-1)) - _bias(square.sum(axis=-2))
    return difference


def _bias(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: nothing is decided
        bias: NDArray[np.float64] = counts[..., SHAPE] / (counts[..., SHAPE] + counts[..., TEXTURE])
    return bias


def _permutation_p(counts: NDArray[np.int64], seed: int) -> float:
    """Exchange the two answers of each image with probability 1/2: one binomial draw for each pair of answers."""
    observed = float(_bias_difference(counts.ravel()))
    if np.isnan(observed):
        return np.nan
    rng = np.random.default_rng(seed)
    drawn = np.zeros((_PERMUTATIONS, 3, 3), dtype=np.int64)
    for one in range(3):
        drawn[:, one, one] = counts[one, one]
        for other in range(one):
            total = int(counts[one, other] + counts[other, one])
            drawn[:, one, other] = rng.binomial(total, 1 / 2, _PERMUTATIONS)
            drawn[:, other, one] = total - drawn[:, one, other]
    differences = _bias_difference(drawn.reshape(_PERMUTATIONS, 9))
    as_large = np.nan_to_num(abs(differences), nan=np.inf) >= abs(observed) - 1e-12
    return float((1 + as_large.sum()) / (1 + _PERMUTATIONS))


def value_difference(first: pd.Series[float], second: pd.Series[float], seed: int) -> Difference:
    """Compare the means of a number that each image has for each of the two models.

    Args:
        first, second: the numbers, indexed by image id; images that lack one, or have NaN, are left out.
        seed: the study's seed.

    Returns:
        The mean difference with the bootstrap's interval; the test flips the sign of each image's difference.
    """
    pairs = pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(dtype=np.float64)
    differences = np.sort(pairs[:, 0] - pairs[:, 1])  # sorted: the order of the images never matters
    n = len(differences)
    estimate = mean(differences, seed)
    if n == 0:
        return Difference(estimate, np.nan, PERMUTATION)
    rng = np.random.default_rng(seed)
    observed, as_large, rows = abs(differences.sum()), 0, max(1, _BLOCK // n)
    for start in range(0, _PERMUTATIONS, rows):
        signs = 2 * rng.integers(0, 2, (min(rows, _PERMUTATIONS - start), n), dtype=np.int8) - 1
        as_large += int((abs(signs @ differences) >= observed - 1e-12).sum())
    return Difference(estimate, (1 + as_large) / (1 + _PERMUTATIONS), PERMUTATION)


def adjusted(p: NDArray[np.float64], correction: Correction) -> NDArray[np.float64]:
    """Correct p-values for their number; NaN means no test and stays NaN.

    Args:
        p: (k,) p-values.
        correction: ``holm`` bounds the chance of any false finding (Holm 1979, "A simple sequentially rejective
            multiple test procedure"), ``benjamini-hochberg`` the share of false ones among the findings (Benjamini &
            Hochberg 1995, "Controlling the false discovery rate"); ``none`` changes nothing.

    >>> adjusted(np.array([0.01, 0.04, 0.03]), "holm").round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    result, tested = p.copy(), ~np.isnan(p)
    some = p[tested]
    if correction == "none" or not len(some):
        return result
    if correction == "benjamini-hochberg":
        result[tested] = stats.false_discovery_control(some)
        return result
    order = np.argsort(some, kind="stable")
    steps = np.maximum.accumulate(some[order] * np.arange(len(some), 0, -1)).clip(max=1)
    result[tested] = steps[np.argsort(order)]
    return result
