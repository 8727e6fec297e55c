"""Which maps are compared, image by image."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from shapebias.metrics import saliency_agreement
from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.saliency_agreement import SaliencyAgreement
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults


def maps(seed, **cell):
    return InMemoryMaps(np.random.default_rng(seed).normal(size=(6, 12, 12)).astype(np.float32), **cell)


def rows(*cells):
    table = SaliencyAgreement()(InMemoryResults(maps=list(cells)))
    return table[["model", "condition", "other", "other_condition", "saliency"]].drop_duplicates().to_numpy().tolist()


def test_models_are_compared_under_each_condition_and_conditions_with_clean():
    cells = [maps(seed, model=model, condition=condition) for seed, (model, condition) in enumerate(
        [("one", "clean"), ("one", "grayscale"), ("two", "clean"), ("two", "grayscale")]
    )]  # fmt: skip
    assert rows(*cells) == [
        ["one", "clean", "two", "clean", "gradient"],
        ["one", "grayscale", "two", "grayscale", "gradient"],
        ["one", "grayscale", "one", "clean", "gradient"],
        ["two", "grayscale", "two", "clean", "gradient"],
    ]


def test_methods_data_sets_and_eps_are_not_mixed():
    cells = [maps(0), maps(1, saliency="random"), maps(2, dataset="others"), maps(3, condition="pgd", eps=0.1)]
    assert rows(*cells) == [["net", "pgd", "net", "clean", "gradient"]]


def test_a_condition_that_moves_pixels_is_not_compared_with_clean():
    moved = {"condition": "patch-shuffle", "moves_pixels": True}
    assert rows(maps(0), maps(1, **moved)) == []
    assert rows(maps(0, **moved), maps(1, model="two", **moved)) == [
        ["net", "patch-shuffle", "two", "patch-shuffle", "gradient"]
    ]


def test_images_are_paired_by_id_and_signs_do_not_matter():
    first, second = maps(0), maps(1, model="two")
    shuffled = attrs.evolve(second.taking([3, 5, 1, 0, 4]), maps=-second.maps[[3, 5, 1, 0, 4]])
    table = SaliencyAgreement()(InMemoryResults(maps=[first, shuffled])).set_index("measure")
    expected = [
        stats.spearmanr(abs(first.maps[position]).ravel(), abs(second.maps[position]).ravel()).statistic
        for position in (0, 1, 3, 4, 5)
    ]
    assert table.loc["spearman", "value"] == pytest.approx(np.mean(expected))
    assert table["n"].tolist() == [5, 5, 5]
    assert table["method"].unique().tolist() == ["bootstrap percentile 95 %"]


def test_the_same_maps_agree_and_the_order_does_not_matter():
    results = InMemoryResults(maps=[maps(0), maps(0, model="two")])
    table = SaliencyAgreement()(results)
    assert tuple(table.columns) == (*COLUMNS, "saliency", "measure", "other", "other_condition")
    np.testing.assert_allclose(table["value"], 1)
    results = InMemoryResults(maps=[maps(0), maps(1, model="two")])
    pd.testing.assert_frame_equal(SaliencyAgreement()(results), SaliencyAgreement()(results.shuffled(1)))


@pytest.mark.parametrize(("room", "ranked"), [(saliency_agreement._ROOM, 4), (0, 8)])
def test_maps_are_ranked_once_if_there_is_room(room, ranked, monkeypatch):
    """Without room only the pair before is kept, and four of six pairs have a map of the one before."""
    calls = []
    rankdata = stats.rankdata
    monkeypatch.setattr(stats, "rankdata", lambda *values, **how: calls.append(values) or rankdata(*values, **how))
    monkeypatch.setattr(saliency_agreement, "_ROOM", room)
    rows(*(maps(seed, model=str(seed)) for seed in range(4)))
    assert len(calls) == ranked


def test_nothing_to_compare_says_why():
    table = SaliencyAgreement()(InMemoryResults(maps=[maps(0)]))
    assert table.empty
    assert "two models" in table.attrs["note"]
