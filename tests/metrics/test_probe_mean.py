"""Stored numbers of probes, quantity by quantity."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shapebias.metrics.probe_mean import ProbeMean
from shapebias.plugins.in_memory import InMemoryResults, InMemoryValues

IDS = tuple(f"{position}.png" for position in range(60))


def stored(**cell):
    random = np.random.default_rng(0)
    return InMemoryValues(
        {"auc": random.random(60), "curve": random.random((60, 3)), "hit": random.random(60) < 0.25}, IDS, **cell
    )


def test_a_row_for_each_quantity_that_is_one_number_an_image():
    random = np.random.default_rng(0)
    areas, _, hit = random.random(60), random.random((60, 3)), random.random(60) < 0.25
    cells = [stored(), stored(saliency=None, probe="steepness", condition="pgd", eps=0.1)]
    table = ProbeMean()(InMemoryResults(values=cells))
    assert table["quantity"].tolist() == ["auc", "hit"] * 2
    assert table["probe"].tolist() == ["insertion"] * 2 + ["steepness"] * 2
    assert table["value"].tolist() == pytest.approx([areas.mean(), hit.mean()] * 2)
    half = 1.96 * hit.std() / np.sqrt(60)  # the normal theory of a mean
    assert table["low"][1] == pytest.approx(hit.mean() - half, abs=0.2 * half)
    assert table["high"][1] == pytest.approx(hit.mean() + half, abs=0.2 * half)


def test_what_is_not_defined_does_not_count():
    numbers = np.array([1.0, np.nan, 3.0])
    (row,) = ProbeMean()(InMemoryResults(values=[InMemoryValues({"x": numbers}, IDS[:3])])).to_dict("records")
    assert (row["value"], row["n"]) == (2, 2)


def test_the_order_of_the_images_does_not_matter():
    results = InMemoryResults(values=[stored()])
    pd.testing.assert_frame_equal(ProbeMean()(results), ProbeMean()(results.shuffled(1)))


def test_an_empty_table_says_why():
    assert "one number per image" in ProbeMean()(InMemoryResults()).attrs["note"]
