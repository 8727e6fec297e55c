"""Spectra: waves are found at their frequency, powers add up, and a loop over coefficients finds the same."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from shapebias.metrics.spectrum import Spectrum, radial_power
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults, InMemoryValues
from shapebias.probes import gradient_spectrum


def waves(*cycles, size=32):
    positions = np.arange(size) / size
    return np.stack([np.cos(2 * math.pi * one * positions)[None] * np.ones((size, 1)) for one in cycles])


def test_a_wave_is_in_its_octave_and_at_its_frequency():
    table = Spectrum()(InMemoryResults(maps=[InMemoryMaps(3 + waves(6))]))
    octaves = table[table["metric"] == "spectrum"].set_index(["from_cycles", "to_cycles"])["value"]
    assert octaves.round(9).to_dict() == {(1, 2): 0, (2, 4): 0, (4, 8): 1, (8, 16): 0, (16, 24): 0}
    assert table[table["metric"] == "mean-frequency"]["value"].item() == pytest.approx(6)


def test_octaves_add_up_and_a_map_that_is_equal_everywhere_does_not_count():
    maps = np.random.default_rng(0).normal(size=(4, 20, 30))
    maps[1] = 2
    table = Spectrum()(InMemoryResults(maps=[InMemoryMaps(maps)]))
    octaves = table[table["metric"] == "spectrum"]
    assert octaves["value"].sum() == pytest.approx(1)
    assert (table["n"] == 3).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (7, 5)])
def test_power_is_that_of_a_loop_over_coefficients_and_probe_and_metric_agree(size):
    maps = np.random.default_rng(1).normal(size=(2, *size))
    height, width = size
    expected = np.zeros((2, 30))
    for image in range(2):
        for row, column in np.ndindex(size):
            wave = [
                complex(math.cos(angle), -math.sin(angle))
                for angle in (2 * math.pi * (row * y / height + column * x / width) for y, x in np.ndindex(size))
            ]
            down, across = (min(at, of - at) / of for at, of in ((row, height), (column, width)))
            ring = round(math.hypot(down, across) * min(size))
            expected[image, ring] += abs(np.dot(maps[image].ravel(), wave)) ** 2 / (height * width)
    power = radial_power(maps)
    np.testing.assert_allclose(power, expected[:, : power.shape[1]], atol=1e-9)
    shares = gradient_spectrum.radial_power(torch.from_numpy(maps)[:, None]).numpy()
    np.testing.assert_allclose(shares, power / power.sum(axis=1, keepdims=True), atol=1e-6)


def test_rows_of_the_probe_say_so_and_the_order_does_not_matter():
    power = radial_power(np.random.default_rng(0).normal(size=(5, 16, 16)))
    values = InMemoryValues({"power": power}, tuple("abcde"), saliency=None, probe="gradient-spectrum")
    results = InMemoryResults(values=[values], maps=[InMemoryMaps(waves(3, 5))])
    table = Spectrum()(results)
    assert table["probe"].fillna("").unique().tolist() == ["", "gradient-spectrum"]
    pd.testing.assert_frame_equal(table, Spectrum()(results.shuffled(2)))
    assert "gradient-spectrum" in Spectrum()(InMemoryResults()).attrs["note"]
