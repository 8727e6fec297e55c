"""The Gini index against its geometry: the area between the Lorenz curve and the diagonal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.metrics.saliency_sparseness import SaliencySparseness, gini
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_gini_is_twice_the_area_under_the_diagonal_of_the_lorenz_curve(seed):
    maps = np.random.default_rng(seed).normal(size=(1, 5, 8))
    magnitudes = sorted(abs(maps.ravel()))
    lorenz = np.concatenate([[0], np.cumsum(magnitudes)]) / np.sum(magnitudes)
    assert gini(maps).item() == pytest.approx(1 - 2 * np.trapezoid(lorenz, dx=1 / 40))


def test_equal_pixels_have_0_and_one_pixel_has_nearly_everything():
    one = np.zeros((1, 10, 10))
    one[0, 3, 4] = -2
    assert gini(np.full((1, 10, 10), 3.0)).item() == pytest.approx(0)
    assert gini(one).item() == pytest.approx(0.99)
    assert np.isnan(gini(np.zeros((1, 4, 4)))).all()


def test_the_metric_is_the_mean_over_images_that_have_a_map():
    maps = np.random.default_rng(0).random((5, 8, 8))
    maps[2] = 0
    results = InMemoryResults(maps=[InMemoryMaps(maps)])
    (row,) = SaliencySparseness()(results).to_dict("records")
    assert (row["value"], row["n"]) == (pytest.approx(np.nanmean(gini(maps))), 4)
    pd.testing.assert_frame_equal(SaliencySparseness()(results), SaliencySparseness()(results.shuffled(1)))
    assert "no finished saliency" in SaliencySparseness()(InMemoryResults()).attrs["note"]
