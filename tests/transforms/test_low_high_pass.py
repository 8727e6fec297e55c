"""Both filters against numpy's transform of the whole plane, with a mask made frequency by frequency."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.transforms.high_pass import HighPass
from shapebias.transforms.low_pass import LowPass

sides = st.integers(1, 13)
radii = st.sampled_from([0, 1, 1.5, 2, 3, 5, 20])


def cycles(position: int, side: int) -> int:
    """Return the frequency of one coefficient of numpy's fft: the second half of them are the negative ones."""
    return min(position, side - position)


def low_passed(image: np.ndarray, radius: float) -> np.ndarray:
    """Return (H, W) with the frequencies up to ``radius``, before clipping."""
    height, width = image.shape
    short = min(height, width)
    spectrum = np.fft.fft2(image)
    for row in range(height):
        for column in range(width):
            u, v = cycles(row, height) * short / height, cycles(column, width) * short / width
            if u**2 + v**2 > radius**2 + 1e-9:
                spectrum[row, column] = 0
    result = np.fft.ifft2(spectrum)
    assert np.abs(result.imag).max() < 1e-9  # the mask is its own mirror image
    return result.real


@settings(max_examples=60, deadline=None)
@given(sides, sides, radii)
def test_low_pass_is_the_mask_of_the_formula_at_even_and_odd_sizes(height, width, radius):
    images = torch.rand(2, 3, height, width)
    passed = LowPass(radius)(images, None)
    for image, result in zip(images.flatten(0, 1), passed.flatten(0, 1), strict=True):
        wanted = low_passed(image.double().numpy(), radius)
        assert np.abs(result.numpy() - wanted.clip(0, 1)).max() < 1e-5


@settings(max_examples=60, deadline=None)
@given(sides, sides, radii)
def test_high_pass_is_the_rest_and_the_mean(height, width, radius):
    images = torch.rand(2, 3, height, width)
    passed = HighPass(radius)(images, None)
    for image, result in zip(images.flatten(0, 1), passed.flatten(0, 1), strict=True):
        pixels = image.double().numpy()
        wanted = pixels - low_passed(pixels, radius) + pixels.mean()
        assert np.abs(result.numpy() - wanted.clip(0, 1)).max() < 1e-5


@pytest.mark.parametrize("size", [15, 16])
@pytest.mark.parametrize("frequency", [1, 3, 7])
@pytest.mark.parametrize("axis", [2, 3])
def test_a_grating_is_counted_in_cycles_per_image(size, frequency, axis):
    wave = 0.5 + 0.4 * torch.cos(2 * torch.pi * frequency * torch.arange(size) / size + 1)
    images = wave.view([1, 1, size, 1] if axis == 2 else [1, 1, 1, size]).expand(1, 3, size, size)
    grey = torch.full_like(images, 0.5)
    assert torch.allclose(LowPass(frequency)(images, None), images, atol=1e-6)
    assert torch.allclose(LowPass(frequency - 0.5)(images, None), grey, atol=1e-6)
    assert torch.allclose(HighPass(frequency - 0.5)(images, None), images, atol=1e-6)
    assert torch.allclose(HighPass(frequency)(images, None), grey, atol=1e-6)


def test_frequencies_are_counted_along_the_short_side():
    """One cycle in 8 pixels, along either side of 16 x 32 pixels, is two cycles per image."""
    down = (0.5 + 0.4 * torch.cos(2 * torch.pi * torch.arange(16) / 8)).view(1, 1, 16, 1).expand(1, 3, 16, 32)
    across = (0.5 + 0.4 * torch.cos(2 * torch.pi * torch.arange(32) / 8)).view(1, 1, 1, 32).expand(1, 3, 16, 32)
    for images in (down, across):
        assert torch.allclose(LowPass(2)(images, None), images, atol=1e-6)
        assert torch.allclose(LowPass(1.9)(images, None), torch.full_like(images, 0.5), atol=1e-6)


def test_extreme_radii():
    images = torch.rand(2, 3, 9, 10)
    means = images.mean((-2, -1), keepdim=True).expand_as(images)
    assert torch.allclose(LowPass(0)(images, None), means, atol=1e-6)
    assert torch.allclose(HighPass(0)(images, None), images, atol=1e-6)
    assert torch.allclose(LowPass(99)(images, None), images, atol=1e-6)
    assert torch.allclose(HighPass(99)(images, None), means, atol=1e-6)
