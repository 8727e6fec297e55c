"""Relative accuracy against its formula."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers

from shapebias.metrics.relative_accuracy import RelativeAccuracy, outcomes
from shapebias.networks.classifier import grouped
from shapebias.networks.labels import LabelMapping
from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryResults


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


@pytest.mark.parametrize(
    ("aggregate", "right"), [("mean", [True, True, False]), ("sum", [True, True, False]), ("max", None)]
)
def test_with_a_threshold_the_label_needs_that_probability(aggregate, right):
    logits = torch.tensor([[0.3, 0.3, 0.0, 0.4], [0.5, 0.02, 0.0, 0.48], [0.2, 0.25, 0.35, 0.2]]).log()
    mapping = LabelMapping("file:a.json", "4 outputs", ("a", "b"), ((0, 1), (3,)), aggregate)
    scores = grouped(logits, mapping.groups, aggregate).numpy()
    cell = InMemoryAnswers(scores.argmax(axis=1), labels=[0, 0, 0], logits=scores, classes=("a", "b"), mapping=mapping)
    found = outcomes(cell, 0.5)
    assert found is None if right is None else found.tolist() == right


def test_raw_logits_are_put_through_the_softmax_for_a_threshold():
    cell = InMemoryAnswers([0, 0], labels=[0, 0], logits=np.array([[1.0, 0.9, 0.0], [1.0, -5.0, -5.0]]))
    assert outcomes(cell, 0.5).tolist() == [False, True]


def test_a_threshold_says_what_it_lacks_and_has_no_chance():
    clean, changed = InMemoryAnswers([0], labels=[0]), InMemoryAnswers([0], labels=[0], condition="grayscale")
    found = RelativeAccuracy(threshold=0.5)(InMemoryResults([clean, changed]))
    assert found.empty
    assert "logits=full" in found.attrs["note"]
    sure = [attrs.evolve(one, logits=np.array([[3.0, 0.0]]), classes=("a", "b")) for one in (clean, changed)]
    assert RelativeAccuracy(threshold=0.5)(InMemoryResults(sure)).metric.tolist() == ["relative-accuracy"]
