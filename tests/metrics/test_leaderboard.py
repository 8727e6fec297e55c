"""The leaderboard against tests of each pair by hand."""

from __future__ import annotations

import numpy as np
import pytest
from metric_fakes import FakeAnswers
from scipy import stats

from shapebias.metrics.leaderboard import Leaderboard
from shapebias.plugins.in_memory import InMemoryResults

LABELS = np.zeros(60, int)


def right(count, model, first=0, condition="clean", **facts):
    """Answer ``count`` of 60 images right, from the image ``first`` on."""
    prediction = np.ones(60, int)
    prediction[first : first + count] = 0
    return FakeAnswers(prediction, LABELS, model=model, condition=condition, **facts)


def by_model(results, **settings):
    return Leaderboard(**settings)(results).set_index("model")


def test_models_are_sorted_and_pairs_are_tested_with_holms_correction():
    table = by_model(InMemoryResults([right(30, "b"), right(52, "a"), right(25, "c")]), of="accuracy")
    assert table.index.tolist() == ["a", "b", "c"]
    assert table["rank"].tolist() == [1, 2, 3]
    # The images of a worse model are among those of a better one: McNemar's p is 2 / 2**(images gained).
    raw = {"ab": 2 / 2**22, "ac": 2 / 2**27, "bc": 2 / 2**5}
    assert raw["bc"] == pytest.approx(stats.binomtest(5, 5).pvalue)
    assert (raw["ab"] < 0.05 / 2, raw["ac"] < 0.05 / 3, raw["bc"] < 0.05) == (True, True, False)
    assert table["above"].to_dict() == {"a": "2, 3", "b": "", "c": ""}
    assert table["not_told_apart"].to_dict() == {"a": "", "b": "3", "c": "2"}
    assert table["pairs"].unique().tolist() == [3]


def test_a_difference_counts_only_after_the_correction():
    cells = [right(30 + 6 * position, f"m{position}") for position in range(4)]  # 6 images: p = 0.031
    corrected, not_corrected = (
        by_model(InMemoryResults(cells), of="accuracy", correction=each) for each in ("holm", "none")
    )
    assert corrected["above"]["m3"] == "3, 4"
    assert not_corrected["above"]["m3"] == "2, 3, 4"


def test_shape_bias_is_over_images_with_a_conflict():
    shape, texture = np.zeros(60, int), np.ones(60, int)
    cells = [
        FakeAnswers((np.arange(60) >= hits).astype(int), shape, shape, texture, model=str(hits))
        for hits in (10, 50, 52)
    ]
    table = by_model(InMemoryResults(cells))
    assert table["value"].round(4).to_dict() == {"52": 0.8667, "50": 0.8333, "10": 0.1667}
    assert table["above"].to_dict() == {"52": "3", "50": "3", "10": ""}
    assert table["not_told_apart"].to_dict() == {"52": "2", "50": "1", "10": ""}


def test_models_without_common_images_are_not_compared():
    other = [f"other{index}" for index in range(60)]
    table = by_model(InMemoryResults([right(50, "a"), right(10, "b", ids=other)]), of="accuracy")
    assert table["not_compared"].to_dict() == {"a": "2", "b": "1"}
    assert set(table["above"]) == set(table["not_told_apart"]) == {""}


def test_each_condition_has_its_own_ranks():
    table = Leaderboard(of="accuracy")(InMemoryResults([right(9, "a"), right(7, "a", condition="grayscale")]))
    assert table[["condition", "rank", "pairs"]].to_numpy().tolist() == [["clean", 1, 0], ["grayscale", 1, 0]]


def test_without_a_conflict_the_note_says_what_to_do():
    assert "use a data set with cue conflict" in Leaderboard()(InMemoryResults([right(9, "a")])).attrs["note"]


def test_too_many_pairs_for_the_permutation_test_are_said():
    shape, texture = np.zeros(4, int), np.ones(4, int)
    cells = [FakeAnswers(shape, shape, shape, texture, model=f"m{index:02d}") for index in range(33)]
    assert "528 pairs" in Leaderboard()(InMemoryResults(cells)).attrs["note"]
    assert "note" not in Leaderboard(correction="benjamini-hochberg")(InMemoryResults(cells)).attrs
