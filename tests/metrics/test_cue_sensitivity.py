"""Cue sensitivity against scipy's ranks."""

from __future__ import annotations

import numpy as np
import pytest
from metric_fakes import FakeAnswers
from scipy import stats

from shapebias.metrics.cue_sensitivity import CueSensitivity, share_of_two_sets
from shapebias.plugins.in_memory import InMemoryResults, InMemoryValues


def answers(shape, texture, scores, **facts):
    return FakeAnswers(scores.argmax(axis=1), shape, shape, texture, logits=scores, **facts)


def test_ranks_are_scipy_s_and_reliance_is_of_conflicts():
    rng = np.random.default_rng(0)
    scores = rng.random((40, 3))
    shape, texture = rng.integers(0, 3, (2, 40))
    frame = CueSensitivity()(InMemoryResults([answers(shape, texture, scores)])).set_index("metric")
    ranks = stats.rankdata(-scores, axis=1)
    by_shape, by_texture = (1 / ranks[np.arange(40), labels] for labels in (shape, texture))
    differ = shape != texture
    assert frame.value["shape-sensitivity"] == pytest.approx(by_shape.mean())
    assert frame.value["texture-sensitivity"] == pytest.approx(by_texture.mean())
    wanted = by_shape[differ].sum() / (by_shape[differ].sum() + by_texture[differ].sum())
    assert frame.value["shape-reliance"] == pytest.approx(wanted)
    assert frame.n["shape-reliance"] == differ.sum()
    assert (frame.low < frame.value).all()
    assert (frame.value < frame.high).all()


def test_the_share_of_two_sets_has_the_interval_of_independent_resamples():
    rng = np.random.default_rng(3)
    shape, texture = 1 / rng.integers(1, 9, 30), 1 / rng.integers(1, 5, 50)
    found = share_of_two_sets(np.append(shape, np.nan), texture, seed=0)
    drawn = [(rng.choice(shape, 30).mean(), rng.choice(texture, 50).mean()) for _ in range(4000)]
    low, high = np.quantile([one / (one + other) for one, other in drawn], [0.025, 0.975])
    assert found.value == pytest.approx(shape.mean() / (shape.mean() + texture.mean()))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    assert found.n == 80
    assert np.isnan(share_of_two_sets(shape[:1], texture, seed=0).low)


def test_images_of_one_cue_have_its_sensitivity_alone():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    frame = CueSensitivity()(InMemoryResults([answers([0, 0], [-1, -1], scores)]))
    assert frame.metric.tolist() == ["shape-sensitivity"]
    assert frame.value[0] == pytest.approx((1 + 1 / 3) / 2)


def test_equal_scores_go_to_the_lower_class():
    frame = CueSensitivity()(InMemoryResults([answers([0, 2], [1, 1], np.zeros((2, 3)))]))
    assert frame.value.tolist() == pytest.approx([(1 + 1 / 3) / 2, 1 / 2, (4 / 3) / (4 / 3 + 1)])


def test_without_all_scores_it_says_so():
    frame = CueSensitivity()(InMemoryResults([FakeAnswers([0], [0], [0], [1])]))
    assert frame.empty
    assert "logits=full" in frame.attrs["note"]


def test_ranks_of_the_probe_are_taken_before_those_among_the_classes():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
    cell = answers([0, 1, 2], [1, 0, 2], scores)
    ranks = {"rank": np.array([[5, 1, 2], [7, 10, 9]]), "outputs": np.array([12, 12])}
    probed = InMemoryValues(ids=[cell.ids[2], cell.ids[0]], values=ranks, saliency=None, probe="output-ranks")
    frame = CueSensitivity()(InMemoryResults([cell], values=[probed])).set_index("metric")
    assert frame.value["shape-sensitivity"] == pytest.approx((1 / 2 + 1 / 7) / 2)
    assert frame.value["texture-sensitivity"] == pytest.approx((1 / 2 + 1 / 10) / 2)
    assert frame.value["shape-reliance"] == pytest.approx((1 / 7) / (1 / 7 + 1 / 10))  # the last image has no conflict
    assert set(frame.ranked) == {"all outputs"}
    assert set(frame.classes) == {12}
    assert set(CueSensitivity()(InMemoryResults([cell])).ranked) == {"classes of the data set"}
