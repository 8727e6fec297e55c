"""Channels of the published networks against scipy's fit and the published figures; thresholds against a loop."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from metric_fakes import FakeAnswers
from scipy.optimize import curve_fit

from shapebias.metrics._channel import STRENGTHS, channel, fit, thresholds
from shapebias.metrics.critical_band import CriticalBand
from shapebias.plugins.in_memory import InMemoryResults
from shapebias.published.references import references

PUBLISHED = {
    "resnet50": (3.988, 39.42, 0.710),
    "vit_base_patch16_224": (3.512, 34.40, 0.386),
    "resnet50_trained_on_SIN": (3.696, 33.78, 0.655),
}


@pytest.fixture(scope="module")
def networks(data_dir):
    """The published networks by name: right or wrong, trial by trial, under ids that say strength and band."""
    found = {}
    for file in sorted((data_dir / "critical-band" / "published").glob("*.json")):
        trials = json.loads(file.read_text(encoding="utf-8"))
        ids = [f"{cell}/{position}" for cell, right in trials.items() for position in range(len(right))]
        right = [answer for answers in trials.values() for answer in answers]
        name = re.sub(r"^solomon_|_accuracies_.*", "", file.name)
        found[name] = FakeAnswers(right, [1] * len(right), ids=ids, model=name, classes=("wrong", "right"))
    return found


def values_of(answers):
    frame = CriticalBand()(InMemoryResults([answers]))
    measures = dict(list(frame.groupby("metric", sort=False)))
    steps = measures.pop("critical-band-threshold")
    return {name.removeprefix("critical-band-"): row.iloc[0] for name, row in measures.items()}, steps


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_channels_are_found(networks, name):
    rows, _ = values_of(networks[name])
    for measure, wanted in zip(("bandwidth", "centre", "sensitivity"), PUBLISHED[name], strict=True):
        row = rows[measure]
        assert row.value == pytest.approx(wanted, abs=0.005)
        assert row.low <= row.value <= row.high
        assert row.low < row.high
        assert row.n == 1050


def test_the_reference_rows_are_what_the_metric_gives(networks):
    rows = {(one.measure, one.model): one for one in references() if one.paper.startswith("Subramanian")}
    assert {model for _, model in rows} == set(networks)
    for name in ("alexnet", "resnet50", "vit_base_patch16_224"):
        for measure, row in values_of(networks[name])[0].items():
            one = rows[f"critical-band:{measure}", name]
            assert [one.value, one.low, one.high] == pytest.approx(
                [row.value, row.low, row.high], rel=1e-3, nan_ok=True
            )
            assert (one.n, row.reason in one.where) == (row.n, True)


def test_the_published_thresholds_are_found(networks):
    assert values_of(networks["resnet50"])[1].value.tolist() == [0, 0, 2, 2, 3, 4, 2]
    assert values_of(networks["alexnet"])[1].value.tolist() == [4, 4, 2, 4, 4, 4, 4]


def test_a_network_that_fails_without_noise_is_refused(networks):
    rows, _ = values_of(networks["alexnet"])
    assert all(np.isnan(row.value) and row.reason == "no more than half right without noise" for row in rows.values())


def test_every_fit_is_scipy_s(networks):
    """Only with a peak: without one scipy never stops widening the Gaussian."""
    different = {tuple(values_of(answers)[1].value.astype(int)) for answers in list(networks.values())[::4]}
    for steps in different:
        ours = fit(np.array([steps]))[0]
        (amplitude, mu, sigma), _ = curve_fit(
            lambda k, a, m, s: a * np.exp(-((k - m) ** 2) / (2 * s**2)), np.arange(7), steps, p0=[1, 0, 1],
            bounds=((0, -np.inf, -np.inf), (4, np.inf, np.inf)),
        )  # fmt: skip
        if np.isnan(ours).any():
            assert abs(sigma) > 19
        else:
            assert ours == pytest.approx([amplitude, mu, abs(sigma)], abs=2e-3)


@settings(max_examples=50, deadline=None)
@example(1.0, 0.0, 0.5)
@given(st.floats(0.5, 4), st.floats(0, 6), st.floats(0.5, 2))
def test_a_gaussian_is_found_again(amplitude, mu, sigma):
    """Also in the first and last band, and where nearly all of it is in one or two bands."""
    curve = amplitude * np.exp(-((np.arange(7) - mu) ** 2) / (2 * sigma**2))
    assert fit(curve[None])[0] == pytest.approx([amplitude, mu, sigma], abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(arrays(np.int64, (5, 7), elements=st.integers(0, 6)))
def test_thresholds_are_those_of_a_loop(correct):
    wanted = []
    for band in range(7):
        steps = 0
        while steps < 4 and correct[steps, band] / 6 <= 0.5:
            steps += 1
        wanted.append(steps)
    assert thresholds(correct, np.full((5, 7), 6)).tolist() == wanted


def test_flat_and_absent_thresholds_have_no_channel():
    assert np.isnan(channel(np.array([[4] * 7, [0] * 7]))).all()


def conditions(limits, strengths=STRENGTHS):
    """Answers under critical-band-noise: right up to a strength of noise, which depends on the band."""
    return [
        FakeAnswers(
            [0 if sigma <= limit else 1] * 3, [0] * 3, condition=f"critical-band-noise:band={band},sigma={sigma}"
        )
        for band, limit in enumerate(limits)
        for sigma in strengths
    ]


def test_conditions_give_the_same_as_stimuli():
    limits = [0.16, 0.16, 0.04, 0.04, 0.02, 0, 0.04]
    frame = CriticalBand()(InMemoryResults(conditions(limits)))
    assert set(frame.condition) == {"critical-band-noise:band=*,sigma=*"}
    assert frame.value[3:].tolist() == [0, 0, 2, 2, 3, 4, 2]
    assert frame.value[:3].tolist() == pytest.approx([3.988, 39.42, 0.710], abs=0.005)


def test_a_missing_strength_is_said():
    frame = CriticalBand()(InMemoryResults(conditions([0.16] * 7, strengths=[0.16, 0])))
    assert frame.value.isna().all()
    assert frame.reason.str.contains("missing").all()


def test_other_answers_have_no_rows():
    frame = CriticalBand()(InMemoryResults([FakeAnswers([0], [0])]))
    assert frame.empty
    assert "critical-band" in frame.attrs["note"]
