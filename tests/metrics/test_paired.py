"""Paired differences against published intervals, simulated coverage, scipy's own tests and loops over images."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers
from scipy import stats

from shapebias.metrics import _paired
from shapebias.metrics._paired import (
    accuracy_difference,
    adjusted,
    newcombe,
    shape_bias_difference,
    value_difference,
)


def right_or_wrong(first, second):
    labels = np.zeros(len(first))
    return [FakeAnswers([0 if right else 1 for right in each], labels) for each in (first, second)]


def conflicts(seed, n=60, model="net"):
    """Answers to images of shape 0 and texture 1; 2 is neither."""
    answers = np.random.default_rng(seed).integers(0, 3, n)
    return FakeAnswers(answers, np.zeros(n), np.zeros(n), np.ones(n), model=model)


# Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired data",
# table II, method 10.
@pytest.mark.parametrize(
    ("outcomes", "low", "high"),
    [((36, 12, 2, 0), 0.0569, 0.3404), ((36, 14, 0, 0), 0.1528, 0.4167)],
)
def test_newcombes_interval_is_the_published_one(outcomes, low, high):
    estimate = newcombe(*outcomes)
    assert estimate.value == pytest.approx((outcomes[1] - outcomes[2]) / 50)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("both", "first_only", "second_only"), [(0.5, 0.2, 0.1), (0.9, 0.04, 0.02), (0.2, 0.5, 0.2)])
def test_newcombes_interval_covers_the_truth_as_often_as_it_says(both, first_only, second_only):
    shares = [both, first_only, second_only, 1 - both - first_only - second_only]
    drawn = np.random.default_rng(0).multinomial(100, shares, size=400)
    estimates = [newcombe(*counts.tolist()) for counts in drawn]
    covered = sum(estimate.low <= first_only - second_only <= estimate.high for estimate in estimates)
    # 400 trials at 95 %: standard deviation 4.4; this interval is a little long.
    assert 367 <= covered <= 395


@settings(max_examples=50)
@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_the_other_way_round_the_difference_has_the_other_sign(outcomes):
    both, first_only, second_only, neither = outcomes
    one, other = newcombe(both, first_only, second_only, neither), newcombe(both, second_only, first_only, neither)
    if sum(outcomes) == 0:
        assert np.isnan([one.value, one.low, one.high]).all()
        return
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert -1 <= one.low <= one.value <= one.high <= 1


def test_mcnemars_test_is_the_binomial_one_by_hand():
    first, second = [True] * 20 + [True] * 9 + [False] * 2, [True] * 20 + [False] * 9 + [True] * 2
    difference = accuracy_difference(*right_or_wrong(first, second))
    # 9 to 2 among 11: twice the tail, 2 (1 + 11 + 55) / 2^11.
    assert difference.p == pytest.approx(2 * 67 / 2048)
    assert (difference.estimate.value, difference.estimate.n) == (pytest.approx(7 / 31), 31)


def test_without_a_common_image_there_is_no_difference():
    one, other = right_or_wrong([True], [False])
    difference = accuracy_difference(one, FakeAnswers([0], [0], ids=["elsewhere.png"]))
    assert (difference.estimate.n, np.isnan(difference.p)) == (0, True)
    assert np.isnan(shape_bias_difference(one, other, seed=0).p)


def test_the_difference_of_shape_biases_is_that_of_images_drawn_in_pairs():
    first, second = conflicts(0), conflicts(1)
    difference = shape_bias_difference(first, second, seed=0)

    def bias(answers):
        return (answers == 0).sum() / ((answers == 0) | (answers == 1)).sum()

    assert difference.estimate.value == pytest.approx(bias(first.prediction) - bias(second.prediction))
    rng = np.random.default_rng(5)
    picked = [rng.integers(0, 60, 60) for _ in range(1500)]
    resampled = [bias(first.prediction[some]) - bias(second.prediction[some]) for some in picked]
    low, high = np.quantile(resampled, [0.025, 0.975])
    assert (difference.estimate.low, difference.estimate.high) == pytest.approx((low, high), abs=0.03)
    exchanged = []
    for _ in range(1500):
        swap = rng.random(60) < 1 / 2
        one, other = np.where(swap, (second.prediction, first.prediction), (first.prediction, second.prediction))
        exchanged.append(abs(bias(one) - bias(other)))
    reference = np.mean(np.array(exchanged) >= abs(difference.estimate.value) - 1e-12)
    assert difference.p == pytest.approx(reference, abs=0.04)


def test_where_every_image_is_decided_the_permutation_test_is_mcnemars():
    shape = np.random.default_rng(3).random((2, 40)) < [[0.7], [0.4]]
    answers = [FakeAnswers(np.where(each, 0, 1), np.zeros(40), np.zeros(40), np.ones(40)) for each in shape]
    biases, accuracies = shape_bias_difference(*answers, seed=0), accuracy_difference(*answers)
    assert biases.estimate.value == pytest.approx(accuracies.estimate.value)
    assert biases.p == pytest.approx(accuracies.p, abs=0.01)


def test_a_true_null_is_rejected_as_often_as_the_level_says(monkeypatch):
    monkeypatch.setattr(_paired, "_PERMUTATIONS", 199)
    monkeypatch.setattr("shapebias.metrics.intervals._RESAMPLES", 9)
    p = [shape_bias_difference(conflicts(seed), conflicts(1000 + seed), seed=seed).p for seed in range(300)]
    # 300 tests at 10 %: standard deviation 5.2.
    assert 15 <= sum(np.array(p) <= 0.1) <= 45


def test_the_difference_of_values_is_that_of_scipy():
    rng = np.random.default_rng(0)
    first = pd.Series(rng.normal(0.3, 1, 16), [f"{position}" for position in range(16)])
    second = pd.Series(rng.normal(0, 1, 16), first.index)
    difference = value_difference(first, second.sample(frac=1, random_state=0), seed=0)
    paired = (first - second).to_numpy()
    # All 2^16 changes of sign, so the reference draws no random numbers.
    reference = stats.permutation_test(
        (paired,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=2**17, vectorized=True
    )
    assert difference.estimate.value == pytest.approx(paired.mean())
    assert difference.p == pytest.approx(reference.pvalue, abs=0.015)
    half = 1.96 * paired.std() / 4
    assert difference.estimate.high - difference.estimate.low == pytest.approx(2 * half, rel=0.1)


def test_values_pair_by_image_and_nan_is_left_out():
    first, second = pd.Series({"a": 1.0, "b": np.nan, "c": 3.0}), pd.Series({"c": 1.0, "a": 0.5, "b": 2.0, "d": 9.0})
    estimate = value_difference(first, second, seed=0).estimate
    assert (estimate.value, estimate.n) == (pytest.approx((0.5 + 2) / 2), 2)


def test_holm_and_benjamini_hochberg_by_hand():
    # Benjamini & Hochberg 1995, section 3.3: 15 p-values; at 0.05 Bonferroni-like steps keep 3, theirs keeps 4.
    p = np.array([
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ])  # fmt: skip
    shuffled = np.random.default_rng(0).permutation(15)
    assert (adjusted(p[shuffled], "holm") <= 0.05).sum() == 3
    assert (adjusted(p[shuffled], "benjamini-hochberg") <= 0.05).sum() == 4
    assert adjusted(p, "benjamini-hochberg")[3] == pytest.approx(0.0095 * 15 / 4)
    assert adjusted(p, "holm")[3] == pytest.approx(0.0095 * 12)
    assert (adjusted(p, "none") == p).all()


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1) | st.just(np.nan), max_size=12))
def test_holm_rejects_what_stepping_down_rejects(p):
    p = np.array(p, dtype=float)
    corrected = adjusted(p, "holm")
    assert np.isnan(corrected).tolist() == np.isnan(p).tolist()
    left = sorted(value for value in p if not np.isnan(value))
    stepping = itertools.takewhile(lambda position: left[position] * (len(left) - position) <= 0.05, range(len(left)))
    assert (corrected <= 0.05).sum() == len(list(stepping))
