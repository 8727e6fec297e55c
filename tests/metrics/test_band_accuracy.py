"""Which band each condition takes away, and the accuracy that is left."""

from __future__ import annotations

import math

import numpy as np
import pytest
from metric_fakes import FakeAnswers

from shapebias.metrics.band_accuracy import BandAccuracy
from shapebias.metrics.intervals import wilson
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryResults


def under(text, hits, n=10):
    condition = "clean" if text == "clean" else default_catalog().component("transform", text).canonical
    return FakeAnswers([0] * hits + [1] * (n - hits), [0] * n, condition=condition)


def test_bands_in_cycles_an_image():
    cells = [under("clean", 9), under("low-pass:16", 7), under("low-pass:4", 3), under("high-pass:8", 5),
             under("band-noise:centre=16,octaves=2", 6), under("grayscale", 8)]  # fmt: skip
    table = BandAccuracy()(InMemoryResults(cells))
    bands = table[["filter", "from_cycles", "to_cycles", "value", "clean"]].to_numpy().tolist()
    assert bands == [
        ["band-noise", 8, 32, 0.6, 0.9],
        ["high-pass", 0, 8, 0.5, 0.9],
        ["low-pass", 4, math.inf, 0.3, 0.9],
        ["low-pass", 16, math.inf, 0.7, 0.9],
    ]
    assert table["low"].iloc[0] == wilson(6, 10).low


def test_chains_are_left_out_and_clean_may_lack():
    chain = FakeAnswers([0], [0], condition="low-pass:radius=4+grayscale")
    table = BandAccuracy()(InMemoryResults([chain, under("low-pass:4", 3)]))
    assert len(table) == 1
    assert np.isnan(table["clean"].item())
    empty = BandAccuracy()(InMemoryResults([chain]))
    assert "low-pass" in empty.attrs["note"]
    assert empty.empty
    assert table["n"].item() == pytest.approx(10)
