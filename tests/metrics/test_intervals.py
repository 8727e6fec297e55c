"""Intervals: Wilson's against published values and the formula, the bootstrap against scipy's over single images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shapebias.metrics import intervals
from shapebias.metrics.intervals import bootstrap, mean, wilson


def first_share(counts):
    return counts[..., 0] / counts.sum(axis=-1)


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3; the last two by hand:
# 0/10 is z²/(n + z²), 5/10 is 1/2 ± z/(2√(n + z²)).
@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718),
     (0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634)],
)  # fmt: skip
def test_wilson_gives_the_published_intervals(hits, n, low, high):
    estimate = wilson(hits, n)
    assert estimate.value == hits / n
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5.1e-5)
    assert (estimate.n, estimate.method) == (n, "Wilson 95 %")


def test_wilson_has_the_bits_of_scipy():
    for n in (1, 2, 7, 100, 1280, 50_000):
        for hits in {0, 1, n // 3, n // 2, n - 1, n}:
            interval = stats.binomtest(hits, n).proportion_ci(method="wilson")
            estimate = wilson(hits, n)
            assert (estimate.low, estimate.high) == (interval.low, interval.high)


@settings(max_examples=50)
@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_where_the_score_test_turns(trial):
    hits, n = trial
    estimate = wilson(hits, n)
    z = stats.norm.ppf(0.975)
    for bound in (estimate.low, estimate.high):
        assert abs(hits / n - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / n), abs=1e-7)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_no_trials_have_no_proportion():
    estimate = wilson(0, 0)
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert estimate.n == 0


def test_bootstrap_of_counts_is_the_bootstrap_of_images():
    counts = np.array([13, 40, 7])
    images = np.repeat([0, 1, 2], counts)

    def spread(category, axis):
        """A statistic that is not linear in the counts."""
        first, second = (category == 0).sum(axis=axis), (category == 1).sum(axis=axis)
        return first / (first + second)

    reference = stats.bootstrap((images,), spread, n_resamples=9_999, method="percentile", rng=1, batch=999)
    estimate = bootstrap(counts, lambda counts: counts[..., 0] / (counts[..., 0] + counts[..., 1]), seed=0)
    assert estimate.value == pytest.approx(13 / 53)
    # The ends of two runs of 9,999 resamples differ by about 0.05 standard errors (0.06 here).
    assert (estimate.low, estimate.high) == pytest.approx(tuple(reference.confidence_interval), abs=0.015)


def test_bootstrap_covers_the_truth_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(intervals, "_RESAMPLES", 999)
    rng = np.random.default_rng(0)
    hits = rng.binomial(100, 0.3, size=400)
    estimates = [bootstrap(np.array([k, 100 - k]), first_share, seed=1) for k in hits]
    covered = sum(estimate.low <= 0.3 <= estimate.high for estimate in estimates)
    # 400 trials at 95 %: standard deviation 4.4, and the percentile interval is a little short at n = 100.
    assert 362 <= covered <= 393


def test_bootstrap_is_a_function_of_counts_and_seed(monkeypatch):
    counts = np.array([30, 70])
    once = bootstrap(counts, first_share, seed=3)
    assert once == bootstrap(counts, first_share, seed=3)
    assert once != bootstrap(counts * 2, first_share, seed=3)
    monkeypatch.setattr(intervals, "_BLOCK", 500)
    assert once == bootstrap(counts, first_share, seed=3)


@pytest.mark.parametrize("counts", [[1, 0], [0, 0]])
def test_one_image_has_no_interval(counts):
    estimate = bootstrap(np.array(counts), lambda counts: counts[..., 0], seed=0)
    assert np.isnan([estimate.low, estimate.high]).all()


def test_resamples_without_a_value_are_left_out():
    estimate = bootstrap(np.array([1, 1, 1]), lambda counts: np.where(counts[..., 0] > 0, 1.0, np.nan), seed=0)
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


def test_a_statistic_without_a_value_has_no_interval():
    estimate = bootstrap(np.array([5, 5]), lambda counts: np.full(counts.shape[:-1], np.nan), seed=0, n=4)
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert estimate.n == 4


def test_the_interval_of_a_mean_is_that_of_scipys_bootstrap():
    values = np.random.default_rng(0).gamma(2, 1, 60)
    estimate = mean(np.append(values, np.nan), seed=0)
    reference = stats.bootstrap((values,), np.mean, n_resamples=9_999, method="percentile", rng=1)
    assert (estimate.value, estimate.n) == (pytest.approx(values.mean()), 60)
    # The ends of two runs of 9,999 resamples differ by about 0.05 standard errors (0.18 here).
    assert (estimate.low, estimate.high) == pytest.approx(tuple(reference.confidence_interval), abs=0.03)


def test_a_mean_needs_two_images_for_an_interval_and_one_for_a_value():
    one, none = mean(np.array([0.25]), seed=0), mean(np.array([np.nan]), seed=0)
    assert (one.value, one.n, none.n) == (0.25, 1, 0)
    assert np.isnan([one.low, one.high, none.value, none.low]).all()
