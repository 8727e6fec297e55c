"""Stored errors under waves, counted."""

from __future__ import annotations

import numpy as np

from shapebias.metrics.fourier_sensitivity import FourierSensitivity
from shapebias.metrics.intervals import wilson
from shapebias.plugins.in_memory import InMemoryResults, InMemoryValues


def test_each_wave_is_counted_once():
    wrong = np.zeros((10, 3, 3))
    wrong[:4, 1, 2] = wrong[:4, 1, 0] = 1  # across 1 is the same wave as across -1
    wrong[:7, 2, 0] = wrong[:7, 0, 2] = 1
    cell = InMemoryValues({"wrong": wrong}, tuple("abcdefghij"), saliency=None, probe="fourier-heatmap")
    table = FourierSensitivity()(InMemoryResults(values=[cell]))
    assert len(table) == 5
    rates = table.set_index(["down", "across"])
    assert rates.loc[(0, 1), "value"] == 0.4
    assert rates.loc[(1, -1), ["value", "low", "high"]].tolist() == [0.7, wilson(7, 10).low, wilson(7, 10).high]
    assert rates["value"].sum() == 1.1
    assert "fourier-heatmap" in FourierSensitivity()(InMemoryResults()).attrs["note"]
