"""Noise of one band: its spectrum, its strength, and where it comes from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.transforms.band_noise import BandNoise


def rng(*ids):
    return ImageRandom.for_images(0, "band-noise", 0, ids)


def noise_on_grey(settings, size, *ids):
    """Return (N, H, W) of noise that is not clipped, after checking that the channels have the same."""
    noisy = settings(torch.full((len(ids), 3, *size), 0.5), rng(*ids)) - 0.5
    assert torch.equal(noisy[:, 0], noisy[:, 1])
    assert torch.equal(noisy[:, 0], noisy[:, 2])
    return noisy[:, 0].double().numpy()


@pytest.mark.parametrize("size", [(32, 32), (33, 33), (31, 32), (24, 48)])
@pytest.mark.parametrize(("centre", "octaves"), [(4, 1), (6, 2), (11, 0.5)])
def test_power_is_in_the_band_and_nowhere_else(size, centre, octaves):
    low, high = centre**2 / 2**octaves, centre**2 * 2**octaves
    power = np.abs(np.fft.fft2(noise_on_grey(BandNoise(centre, octaves, sigma=0.05), size, "a")[0])) ** 2
    inside = np.zeros(size, dtype=bool)
    for row in range(size[0]):
        for column in range(size[1]):
            u = Fraction(min(row, size[0] - row) * min(size), size[0])
            v = Fraction(min(column, size[1] - column) * min(size), size[1])
            inside[row, column] = low <= u**2 + v**2 < high
    assert power[~inside].max() < 1e-9 * power.sum()
    assert power[inside].min() > 0


def test_root_mean_square_is_sigma_in_each_image():
    noise = noise_on_grey(BandNoise(8, sigma=0.07), (64, 64), "a", "b", "c")
    assert np.sqrt((noise**2).mean((-2, -1))) == pytest.approx([0.07] * 3, rel=1e-5)
    assert np.abs(noise.mean((-2, -1))).max() < 1e-7


def test_an_octave_at_one_cycle_has_the_diagonal_outside():
    """The band of one octave about 1 ends below sqrt(2): eight coefficients are four, up to rounding or not."""
    power = np.abs(np.fft.fft2(noise_on_grey(BandNoise(1, sigma=0.05), (49, 49), "a")[0])) ** 2
    assert {tuple(position) for position in np.argwhere(power > 1e-6 * power.max())} == {
        (0, 1),
        (1, 0),
        (0, 48),
        (48, 0),
    }


def test_values_are_normal():
    noise = noise_on_grey(BandNoise(16, 2, sigma=0.05), (64, 64), *map(str, range(20)))
    # Pixels far apart: neighbours are not independent.
    assert stats.kstest(noise[:, ::8, ::8].ravel() / 0.05, "norm").pvalue > 0.01


def test_images_have_noise_of_their_own():
    first, second = noise_on_grey(BandNoise(8, sigma=0.05), (64, 64), "a", "b")
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.2


def test_no_noise_is_the_identity():
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(BandNoise(4, sigma=0)(images, rng("a")), images)


@pytest.mark.parametrize("centre", [0.5, 40])
def test_a_band_without_frequencies_is_refused(centre):
    with pytest.raises(DataError, match=r"32 x 32 pixels .* choose a centre from 1 to 16"):
        BandNoise(centre)(torch.rand(1, 3, 32, 32), rng("a"))
