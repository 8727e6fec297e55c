"""Configural Shape Score against pairs counted by hand."""

from __future__ import annotations

import pytest
from metric_fakes import FakeAnswers

from shapebias.metrics.configural_shape import ConfiguralShape
from shapebias.plugins.in_memory import InMemoryResults

IDS = [
    f"{pair:03d}_transform_cat_dog_object{place}_{name}.png"
    for pair in range(3)
    for place, name in enumerate(["cat", "dog"])
]


def test_a_pair_counts_where_both_are_right():
    cell = FakeAnswers([0, 1, 0, 0, 2, 1], [0, 1, 0, 1, 0, 1], ids=IDS)
    (row,) = ConfiguralShape()(InMemoryResults([cell])).to_dict("records")
    assert (row["value"], row["n"]) == (pytest.approx(1 / 3), 3)
    assert row["accuracy"] == pytest.approx(4 / 6)
    assert row["chance"] == pytest.approx(1 / 9)


def test_half_a_pair_does_not_count():
    cell = FakeAnswers([0, 1, 0], [0, 1, 0], ids=IDS[:3])
    found = ConfiguralShape()(InMemoryResults([cell]))
    assert found.n.tolist() == [1]
    assert "1 (net on photos, clean)" in found.attrs["note"]


def test_numbers_of_two_parts_are_one_pair():
    ids = [f"samples/12_{pair}_transform_cat_dog_object{place}_cat.png" for pair in (3, 4) for place in (0, 1)]
    found = ConfiguralShape()(InMemoryResults([FakeAnswers([0, 0, 0, 1], [0] * 4, ids=ids)]))
    assert (found.value[0], found.n[0]) == (0.5, 2)


def test_other_images_have_no_score():
    found = ConfiguralShape()(InMemoryResults([FakeAnswers([0, 1], [0, 1])]))
    assert found.empty
    assert "pairs" in found.attrs["note"]
