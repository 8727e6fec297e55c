"""Relative accuracy against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers

from shapebias.metrics.relative_accuracy import RelativeAccuracy
from shapebias.plugins.in_memory import InMemoryResults


def pair(before, after):
    """Answers of one model, clean and blurred: 0 is right."""
    return [FakeAnswers(before, [0] * len(before)), FakeAnswers(after, [0] * len(after), condition="blur")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=12))
def test_both_are_their_formulas(answers):
    before, after = (np.array(column) for column in zip(*answers, strict=True))
    frame = RelativeAccuracy()(InMemoryResults(pair(before, after))).set_index("metric")
    clean, changed = (before == 0).mean(), (after == 0).mean()
    wanted = {"relative-accuracy": (changed, clean), "rescaled-accuracy": (changed - 1 / 3, clean - 1 / 3)}
    for name, (over, under) in wanted.items():
        assert frame.value[name] == pytest.approx(over / under if under > 1e-12 else np.nan, nan_ok=True)


def test_only_common_images_count_whatever_their_order():
    clean = FakeAnswers([0, 1, 0], [0, 0, 0], ids=["a", "b", "c"])
    changed = FakeAnswers([0, 0], [0, 0], ids=["c", "b"], condition="blur")
    row = RelativeAccuracy()(InMemoryResults([clean, changed])).iloc[0]
    assert (row.value, row.n, row.clean, row.accuracy) == (2, 2, 0.5, 1)


def test_the_interval_is_that_of_images_drawn_with_both_answers():
    rng = np.random.default_rng(1)
    before = (rng.random(200) > 0.8).astype(int)
    after = np.where(rng.random(200) > 0.7, 1, before)
    row = RelativeAccuracy()(InMemoryResults(pair(before, after))).iloc[0]
    drawn = rng.integers(0, 200, (4000, 200))
    ratios = (after[drawn] == 0).mean(axis=1) / (before[drawn] == 0).mean(axis=1)
    assert (row.low, row.high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.01)


def test_without_clean_it_says_so():
    frame = RelativeAccuracy()(InMemoryResults(pair([0], [0])[1:]))
    assert frame.empty
    assert "net on photos" in frame.attrs["note"]
