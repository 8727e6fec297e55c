"""Points of equal reliance against curves that are known, and the fit against scipy's optimiser."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers
from scipy import optimize, special

from shapebias.metrics.cue_strength import CueStrength, equal_reliance
from shapebias.plugins.in_memory import InMemoryResults

STRENGTHS = (0.05, 0.1, 0.2, 0.4, 0.8)


def study(point, slope=8.0, n=400, seed=0, strengths=STRENGTHS):
    """Answers to the same images at several contrasts: shape with a probability that falls, and sometimes neither."""
    rng = np.random.default_rng(seed)
    cells = []
    for contrast in strengths:
        by_shape = rng.random(n) < special.expit(slope * (point - contrast))
        answer = np.where(rng.random(n) < 0.2, 2, np.where(by_shape, 0, 1))
        texts = {"dataset": f"stimuli:cue=conflict,contrast={contrast:g}"}
        cells.append(FakeAnswers(answer, np.zeros(n), np.zeros(n), np.ones(n), dataset=f"c{contrast}", texts=texts))
    return InMemoryResults(cells)


def point_of(table):
    (row,) = table[table["metric"] == "point-of-equal-reliance"].to_dict("records")
    return row


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=6))
def test_the_fit_is_that_of_scipys_optimiser(choices):
    x = np.arange(len(choices), dtype=float)
    shape, texture = np.array(choices, dtype=float).T

    def negative_likelihood(beta):
        logit = beta[0] + beta[1] * x
        return -((shape + 0.5) * special.log_expit(logit) + (texture + 0.5) * special.log_expit(-logit)).sum()

    fitted = optimize.minimize(
        negative_likelihood, [0, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    intercept, slope = fitted.x
    if abs(slope) > 1e-2:
        crossing = float(equal_reliance(x, shape, texture))
        assert crossing == pytest.approx(-intercept / slope, rel=1e-3, abs=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("strengths", "shape", "trials"),
    [
        ([0.24, 0.5, 5.0], [26731, 0, 0], [26731, 99082, 58636]),
        ([0.04, 0.16, 5.0], [0, 505, 923], [74335, 505, 923]),
        ([0.04, 0.12, 0.16], [0, 0, 17], [2952, 27550, 17]),
        ([0.04, 0.08, 0.16, 0.24, 2.0], [0, 1464, 0, 0, 0], [3, 1464, 79, 4231, 1859]),
        ([0.08, 0.12, 0.5, 2.0, 5.0, 1000.0], [0, 10758, 14330, 0, 0, 0], [4, 10758, 14330, 7, 1363, 9]),
    ],
)
def test_choices_that_the_strength_separates_have_the_best_fit_without_a_warning(strengths, shape, trials):
    x, hits, n = np.array(strengths), np.array(shape, dtype=float), np.array(trials, dtype=float)
    z = (x - x.mean()) / x.std()

    def loss_and_gradient(beta):
        logit = beta[0] + beta[1] * z
        residual = hits + 0.5 - (n + 1) * special.expit(logit)
        loss = -((hits + 0.5) * special.log_expit(logit) + (n - hits + 0.5) * special.log_expit(-logit)).sum()
        return loss, -np.array([residual.sum(), (residual * z).sum()])

    intercept, slope = optimize.minimize(loss_and_gradient, [0, 0], jac=True, method="BFGS").x
    crossing = float(equal_reliance(x, hits, n - hits))
    assert crossing == pytest.approx(x.mean() - x.std() * intercept / slope, abs=1e-4 * (x[-1] - x[0]))


@pytest.mark.filterwarnings("error")
def test_one_strength_alone_has_no_point():
    assert np.isnan(equal_reliance(np.array([0.1, 0.1]), np.array([3.0, 4.0]), np.array([5.0, 1.0])))
    assert CueStrength()(study(0.3, n=20, strengths=(0.1, 0.1))).empty


@pytest.mark.parametrize("point", [0.15, 0.3, 0.6])
def test_the_point_is_where_the_choices_were_made_to_cross(point):
    row = point_of(CueStrength()(study(point)))
    assert row["value"] == pytest.approx(point, abs=0.05)
    assert row["low"] < point < row["high"]
    assert row["high"] - row["low"] < 0.15
    assert (row["dataset"], row["condition"]) == ("stimuli:cue=conflict,contrast=*", "clean")


def test_the_interval_covers_the_point_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("shapebias.metrics.intervals._RESAMPLES", 199)
    rows = [point_of(CueStrength()(study(0.3, n=80, seed=seed, strengths=(0.1, 0.3, 0.5)))) for seed in range(100)]
    # 100 trials at 95 %: standard deviation 2.2, and half a choice at each strength draws a little to the middle.
    assert 88 <= sum(row["low"] <= 0.3 <= row["high"] for row in rows) <= 100


def test_there_is_a_row_for_each_strength_in_their_order():
    results = study(0.3)
    table = CueStrength()(attrs.evolve(results, answers=results.answers()[::-1]))
    levels = table[table["metric"] == "cue-strength"]
    assert levels["strength"].tolist() == list(STRENGTHS)
    first = results.answers()[0].prediction
    assert levels["value"].iloc[0] == pytest.approx((first == 0).sum() / (first < 2).sum())
    pd.testing.assert_frame_equal(CueStrength()(results), CueStrength()(results.shuffled(1)))


def test_choices_that_do_not_cross_have_no_point():
    row = point_of(CueStrength()(study(5.0)))
    assert np.isnan([row["value"], row["low"], row["high"]]).all()
    assert row["n"] > 1000


def test_conditions_can_vary_and_cells_that_differ_in_more_are_not_joined():
    def styled(alpha, extra="styles=9"):
        return FakeAnswers([0, 1], [0, 0], [0, 0], [1, 1], condition=f"stylize:alpha={alpha:g},{extra}")

    one_curve = CueStrength(over="alpha")(InMemoryResults([styled(0.2), styled(1), styled(0.5, "styles=4")]))
    assert one_curve["strength"].dropna().tolist() == [0.2, 1]
    assert one_curve["condition"].iloc[-1] == "stylize:alpha=*,styles=9"
    nothing = CueStrength(over="beta")(InMemoryResults([styled(0.2), styled(1)]))
    assert nothing.empty
    assert "'beta'" in nothing.attrs["note"]
