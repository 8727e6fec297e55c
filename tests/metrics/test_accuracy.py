"""Accuracy against counts made by hand and against a loop."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers

from shapebias.errors import SpellingError
from shapebias.metrics.accuracy import Accuracy
from shapebias.metrics.frames import COLUMNS
from shapebias.plugins.in_memory import InMemoryResults


def seven_classes(seed, n=50):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 7))
    labels = rng.integers(0, 7, n)
    return FakeAnswers(logits.argmax(axis=1), labels, logits=logits, classes=tuple("abcdefg"))


def test_counts_by_hand():
    answers = FakeAnswers(prediction=[0, 1, 2, 2, -1], labels=[0, 1, 2, 0, 1])
    table = Accuracy()(InMemoryResults([answers]))
    assert tuple(table.columns) == (*COLUMNS, "top")
    (row,) = table.to_dict("records")
    assert (row["dataset"], row["model"], row["condition"], row["metric"]) == ("photos", "net", "clean", "accuracy")
    assert (row["value"], row["n"], row["top"], row["method"]) == (3 / 5, 5, 1, "Wilson 95 %")
    assert np.isnan(row["eps"])


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 6))
def test_top_k_is_what_a_loop_over_images_finds(seed, k):
    answers = seven_classes(seed)
    (row,) = Accuracy(top=k)(InMemoryResults([answers])).to_dict("records")
    hits = 0
    for scores, label in zip(answers.logits.tolist(), answers.labels.tolist(), strict=True):
        better = sum(score > scores[label] for score in scores)
        hits += better < k
    assert row["value"] == hits / 50
    assert row["top"] == k


def test_top_five_needs_more_than_five_classes():
    six = FakeAnswers([0], [0], classes=tuple("abcdef"), logits=np.eye(6)[:1])
    five = FakeAnswers([0], [0], classes=tuple("abcde"), logits=np.eye(5)[:1])
    assert Accuracy()(InMemoryResults([six]))["top"].tolist() == [1, 5]
    assert Accuracy()(InMemoryResults([five]))["top"].tolist() == [1]


def test_top_five_needs_five_stored_classes():
    people = FakeAnswers([0, 1], [0, 0], classes=tuple("abcdefg"))
    assert Accuracy()(InMemoryResults([people]))["top"].tolist() == [1]


def test_no_answer_is_wrong_for_every_k():
    answers = FakeAnswers([-1, 0], [0, 0], classes=tuple("abcdefg"), logits=np.eye(7)[[0, 0]])
    assert Accuracy()(InMemoryResults([answers]))["value"].tolist() == [0.5, 0.5]


def test_images_without_a_label_do_not_count():
    answers = FakeAnswers(prediction=[0, -1, 1], labels=[0, -1, -1])
    (row,) = Accuracy()(InMemoryResults([answers])).to_dict("records")
    assert (row["value"], row["n"]) == (1.0, 1)


def test_every_eps_has_its_row():
    cells = [FakeAnswers([0, 1], [0, right], eps=eps, condition="pgd") for eps, right in ((0.1, 1), (0.2, 0))]
    table = Accuracy()(InMemoryResults(cells))
    assert table["eps"].tolist() == [0.1, 0.2]
    assert table["value"].tolist() == [1.0, 0.5]


def test_the_order_of_the_images_does_not_matter():
    results = InMemoryResults([seven_classes(0), seven_classes(1)])
    pd.testing.assert_frame_equal(Accuracy()(results), Accuracy()(results.shuffled(2)))


def test_an_empty_table_has_the_columns_and_says_why():
    table = Accuracy()(InMemoryResults([FakeAnswers([0], [-1])]))
    assert tuple(table.columns) == (*COLUMNS, "top")
    assert table.empty
    assert "no finished predictions" in table.attrs["note"]


def test_k_is_at_least_one():
    with pytest.raises(SpellingError, match="top: must be >= 1, got 0"):
        Accuracy(top=(1, 0))


def test_right_answers_that_the_attack_could_not_search_are_left_out_and_said():
    attacked = FakeAnswers(
        [0, 0, 0, 1], [0, 0, 1, 0], condition="pgd", eps=0.5, gradient_failed=[True, False, True, True]
    )
    table = Accuracy()(InMemoryResults([attacked]))
    assert table["value"].tolist() == [1 / 3]  # the first image says nothing; the last two were fooled all the same
    assert table["n"].tolist() == [3]
    assert "NaN or infinite" in table.attrs["note"]
    assert table.attrs["note"].endswith("1 (net on photos, pgd, eps=0.5)")
    assert "note" not in Accuracy()(InMemoryResults([attrs.evolve(attacked, gradient_failed=[False] * 4)])).attrs
