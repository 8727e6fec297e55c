"""Phase noise looked at through numpy's transform of the whole plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shapebias.rng import ImageRandom
from shapebias.transforms.phase_noise import PhaseNoise


def rng(*ids):
    return ImageRandom.for_images(0, "phase-noise", 0, ids)


def faint(count: int, height: int, width: int) -> torch.Tensor:
    """Make images of so little contrast that nothing is clipped: F(0, 0) = 1/2, the others have amplitude 1/1000."""
    spectrum = np.exp(1j * np.angle(np.fft.fft2(np.random.default_rng(0).normal(size=(count, 3, height, width)))))
    spectrum[..., 0, 0] = 500
    return torch.from_numpy(np.fft.ifft2(spectrum / 1000 * height * width).real / (height * width)).float()


def spectra(images: torch.Tensor) -> np.ndarray:
    return np.fft.fft2(images.double().numpy())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from([0, 30, 180]))
def test_amplitudes_stay_and_phases_shift_within_the_width_alike_in_all_channels(height, width, degrees):
    images = faint(2, height, width)
    before, after = spectra(images), spectra(PhaseNoise(degrees)(images, rng("a", "b")))
    assert np.abs(after) == pytest.approx(np.abs(before), rel=1e-3)
    shift = np.angle(after / before)
    assert np.abs(shift).max() <= np.radians(degrees) + 1e-3
    turns = np.exp(1j * shift)
    assert np.abs(turns - turns[:, :1]).max() < 1e-2
    for row in range(height):
        for column in range(width):
            if (-row % height, -column % width) == (row, column):
                assert np.abs(shift[..., row, column]).max() < 1e-3


@pytest.mark.parametrize("size", [(32, 32), (31, 33)])
@pytest.mark.parametrize("degrees", [45, 180])
def test_shifts_are_uniform_and_each_has_its_own(size, degrees):
    images = faint(4, *size)
    shift = np.angle(spectra(PhaseNoise(degrees)(images, rng(*"abcd"))) / spectra(images))[:, 0]
    half = shift[:, :, 1 : (size[1] + 1) // 2]  # without the mirrored half
    assert stats.kstest(half.ravel() / np.radians(degrees), stats.uniform(-1, 2).cdf).pvalue > 0.01
    between_images = np.corrcoef(half.reshape(4, -1)) - np.eye(4)
    assert np.abs(between_images).max() < 0.2
    assert abs(np.corrcoef(half[:, :-1].ravel(), half[:, 1:].ravel())[0, 1]) < 0.1


def test_no_width_is_the_identity():
    images = torch.rand(2, 3, 15, 16)
    assert torch.allclose(PhaseNoise(0)(images, rng("a", "b")), images, atol=1e-6)


def test_the_wider_the_less_is_left():
    images = faint(1, 32, 32)
    noisy = [PhaseNoise(width)(images, rng("a")) for width in (0, 45, 90, 180)]
    kept = [np.corrcoef(images.ravel(), one.ravel())[0, 1] for one in noisy]
    assert kept == sorted(kept, reverse=True)
    # E[cos phi] = sin(width) / width for phi uniform in [-width, width]
    assert kept == pytest.approx([1, np.sin(np.pi / 4) / (np.pi / 4), 2 / np.pi, 0], abs=0.1)
