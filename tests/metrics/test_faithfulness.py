"""Faithfulness: the mean of stored areas, its interval against the normal theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shapebias.metrics.faithfulness import Faithfulness
from shapebias.metrics.frames import COLUMNS
from shapebias.plugins.in_memory import InMemoryResults, InMemoryValues


def random_areas(seed, n=80):
    return np.random.default_rng(seed).beta(2, 5, n).astype(np.float32)


def stored(seed, n=80, **cell):
    return InMemoryValues(
        {"auc": random_areas(seed, n), "curve": np.zeros((n, 21))},
        tuple(f"{position}.png" for position in range(n)),
        **({"saliency": "smoothgrad"} | cell),
    )


def test_mean_and_interval():
    areas = random_areas(0).astype(np.float64)
    (row,) = Faithfulness()(InMemoryResults(values=[stored(0)])).to_dict("records")
    # For the mean of 80 values the percentile interval is that of the normal distribution, except for a few per cent.
    half = 1.96 * areas.std() / np.sqrt(80)
    assert row["value"] == pytest.approx(areas.mean())
    assert (row["low"], row["high"]) == pytest.approx((areas.mean() - half, areas.mean() + half), abs=0.1 * half)
    assert (row["n"], row["method"]) == (80, "bootstrap percentile 95 %")
    assert (row["saliency"], row["probe"], row["metric"]) == ("smoothgrad", "insertion", "faithfulness")


def test_one_row_for_each_cell_of_a_probe_with_areas():
    cells = [stored(0), stored(1, probe="deletion"), stored(2, saliency="gradient", eps=0.1, condition="pgd")]
    other = InMemoryValues({"power": np.zeros(3)}, ("a", "b", "c"), saliency=None, probe="gradient-spectrum")
    table = Faithfulness()(InMemoryResults(values=[*cells, other]))
    assert tuple(table.columns) == (*COLUMNS, "saliency", "probe")
    assert table["probe"].tolist() == ["insertion", "deletion", "insertion"]
    assert table["eps"].fillna(0).tolist() == [0, 0, 0.1]


def test_one_image_has_a_mean_without_an_interval():
    (row,) = Faithfulness()(InMemoryResults(values=[stored(0, n=1)])).to_dict("records")
    assert row["value"] == pytest.approx(random_areas(0, n=1).item())
    assert np.isnan([row["low"], row["high"]]).all()


def test_the_order_of_the_images_does_not_matter():
    results = InMemoryResults(values=[stored(0), stored(1)])
    pd.testing.assert_frame_equal(Faithfulness()(results), Faithfulness()(results.shuffled(3)))


def test_an_empty_table_says_why():
    assert "insertion or deletion" in Faithfulness()(InMemoryResults()).attrs["note"]
