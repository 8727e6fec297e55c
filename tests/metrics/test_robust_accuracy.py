"""Robust accuracy against the definition: right at every eps so far."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers

from shapebias.metrics.accuracy import Accuracy
from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.robust_accuracy import RobustAccuracy
from shapebias.plugins.in_memory import InMemoryResults

EPS = (0.01, 0.02, 0.04)


def curve(predictions, labels, **cell):
    return [
        FakeAnswers(prediction, labels, condition="pgd", eps=eps, **cell)
        for eps, prediction in zip(EPS, predictions, strict=False)
    ]


def test_counts_by_hand():
    results = InMemoryResults(curve([[0, 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]], [0, 0, 0, 0]))
    table = RobustAccuracy()(results)
    assert tuple(table.columns) == (*COLUMNS, "gradient_failed")
    assert table["eps"].tolist() == list(EPS)
    assert table["value"].tolist() == [3 / 4, 2 / 4, 1 / 4]
    assert table["n"].tolist() == [4, 4, 4]


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_curve_never_increases_and_is_what_a_loop_finds(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 2, 30)
    labels[0] = 0
    cells = curve(rng.integers(-1, 2, (3, 30)), labels)
    table = RobustAccuracy()(InMemoryResults(cells[::-1]).shuffled(seed))
    for position, row in enumerate(table.to_dict("records")):
        standing = [
            all(cell.prediction[image] == labels[image] for cell in cells[: position + 1])
            for image in np.flatnonzero(labels >= 0)
        ]
        assert row["eps"] == EPS[position]
        assert row["value"] == np.mean(standing)
    assert table["value"].is_monotonic_decreasing


def test_it_is_the_accuracy_where_a_fallen_image_stays_fallen():
    results = InMemoryResults(curve([[0, 0, 1], [0, 1, 1], [1, 1, 1]], [0, 0, 0]))
    pd.testing.assert_series_equal(RobustAccuracy()(results)["value"], Accuracy(top=1)(results)["value"])


def test_each_model_has_its_own_curve():
    results = InMemoryResults(curve([[0], [1]], [0], model="weak") + curve([[0], [0]], [0], model="strong"))
    values = RobustAccuracy()(results).groupby("model")["value"].apply(list).to_dict()
    assert values == {"weak": [1, 0], "strong": [1, 1]}


def test_cells_without_eps_have_no_rows():
    table = RobustAccuracy()(InMemoryResults([FakeAnswers([0], [0])]))
    assert table.empty
    assert "pgd" in table.attrs["note"]


def test_images_that_the_attack_could_not_search_are_counted_apart():
    weak = FakeAnswers(
        [0, 0, 0, 1], [0, 0, 0, 0], condition="pgd", eps=0.01, gradient_failed=[True, False, False, True]
    )
    strong = FakeAnswers(
        [0, 0, 1, 1], [0, 0, 0, 0], condition="pgd", eps=0.02, gradient_failed=[True, False, False, True]
    )
    table = RobustAccuracy()(InMemoryResults([weak, strong]))
    # The first image says nothing; the last was fooled all the same.
    assert table["value"].tolist() == [2 / 3, 1 / 3]
    assert table["n"].tolist() == [3, 3]
    assert table["gradient_failed"].tolist() == [1, 1]
    assert "NaN or infinite" in table.attrs["note"]
