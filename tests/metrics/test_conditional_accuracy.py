"""Conditional accuracy against counts made by hand and against a loop over ids."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers

from shapebias.metrics.conditional_accuracy import ConditionalAccuracy
from shapebias.metrics.frames import COLUMNS
from shapebias.plugins.in_memory import InMemoryResults


def cells(seed, n=40):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 3, n)
    return [
        FakeAnswers(rng.integers(-1, 3, n), labels, condition=condition, eps=eps)
        for condition, eps in (("clean", None), ("saturate:p=8", None), ("pgd", 0.1), ("pgd", 0.2))
    ]


def test_counts_by_hand():
    clean = FakeAnswers([0, 1, 2, 0, 0], [0, 1, 2, 0, 1])
    saturated = FakeAnswers([0, 1, 0, 1, 1], [0, 1, 2, 0, 1], condition="saturate:p=8")
    table = ConditionalAccuracy()(InMemoryResults([clean, saturated]))
    assert tuple(table.columns) == COLUMNS
    (row,) = table.to_dict("records")
    # The last image is right under the condition, but not when clean.
    assert (row["value"], row["n"], row["condition"]) == (2 / 4, 4, "saturate:p=8")
    assert row["method"] == "Wilson 95 %"


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_rows_are_what_a_loop_over_ids_finds(seed):
    clean, *changed = cells(seed)
    table = ConditionalAccuracy()(InMemoryResults([clean, *changed]).shuffled(seed))
    before = dict(zip(clean.ids, clean.prediction == clean.labels, strict=True))
    for cell, row in zip(changed, table.to_dict("records"), strict=True):
        known = [
            prediction == label
            for image, prediction, label in zip(cell.ids, cell.prediction, cell.labels, strict=True)
            if before[image] and label >= 0
        ]
        assert (row["n"], row["value"]) == (len(known), np.mean(known))


def test_each_model_has_its_own_clean_answers():
    wrong = FakeAnswers([1, 1], [0, 1], model="wrong")
    right = FakeAnswers([0, 1], [0, 1], model="right")
    changed = [attrs.evolve(cell, condition="grayscale") for cell in (wrong, right)]
    table = ConditionalAccuracy()(InMemoryResults([wrong, right, *changed]))
    assert table.set_index("model")["n"].to_dict() == {"wrong": 1, "right": 2}


def test_nothing_right_when_clean_has_no_value():
    results = InMemoryResults([FakeAnswers([1], [0]), FakeAnswers([0], [0], condition="grayscale")])
    (row,) = ConditionalAccuracy()(results).to_dict("records")
    assert np.isnan(row["value"])
    assert row["n"] == 0


def test_a_model_without_a_clean_cell_has_no_rows_and_the_note_names_it():
    results = InMemoryResults([
        *cells(0)[:2],
        FakeAnswers([0], [0], condition="grayscale", model="other"),
    ])  # fmt: skip
    table = ConditionalAccuracy()(results)
    assert table["model"].tolist() == ["net"]
    assert table.attrs["note"] == "add the condition 'clean'; it is missing for other on photos"


def test_clean_alone_gives_an_empty_table_that_says_why():
    table = ConditionalAccuracy()(InMemoryResults(cells(0)[:1]))
    assert table.empty
    assert "other than 'clean'" in table.attrs["note"]


def test_the_order_of_the_images_does_not_matter():
    results = InMemoryResults(cells(1))
    pd.testing.assert_frame_equal(ConditionalAccuracy()(results), ConditionalAccuracy()(results.shuffled(2)))


def test_right_answers_that_the_attack_could_not_search_are_left_out_and_said():
    clean = FakeAnswers([0, 0, 0, 1], [0, 0, 0, 0])
    attacked = FakeAnswers(
        [0, 0, 1, 0], [0, 0, 0, 0], condition="pgd", eps=0.5, gradient_failed=[True, False, True, True]
    )
    table = ConditionalAccuracy()(InMemoryResults([clean, attacked]))
    assert table["value"].tolist() == [1 / 2]  # of the first three, which are right when clean, the first says nothing
    assert table["n"].tolist() == [2]
    assert table.attrs["note"].endswith("1 (net on photos, pgd, eps=0.5)")
