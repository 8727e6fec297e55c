"""White noise: its distribution, its independence, its clipping."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from shapebias.rng import ImageRandom
from shapebias.transforms.noise import Noise

SIZE = (2, 3, 64, 64)


def noise_on_grey(settings):
    rng = ImageRandom.for_images(0, "noise", 0, ["a", "b"])
    return (settings(torch.full(SIZE, 0.5), rng) - 0.5).double().numpy()


@pytest.mark.parametrize(
    ("distribution", "wanted"), [("uniform", stats.uniform(-0.1, 0.2)), ("gaussian", stats.norm(0, 0.1))]
)
def test_the_noise_has_the_distribution_that_was_asked_for(distribution, wanted):
    noise = noise_on_grey(Noise(0.1, distribution))
    assert stats.kstest(noise.ravel(), wanted.cdf).pvalue > 0.01


@pytest.mark.parametrize("distribution", ["uniform", "gaussian"])
def test_pixels_channels_and_images_have_their_own(distribution):
    noise = noise_on_grey(Noise(0.1, distribution))
    independent = np.corrcoef(noise.reshape(6, -1)) - np.eye(6)
    beside = np.corrcoef(noise[..., :-1].ravel(), noise[..., 1:].ravel())[0, 1]
    below = np.corrcoef(noise[..., :-1, :].ravel(), noise[..., 1:, :].ravel())[0, 1]
    assert np.abs([*independent.ravel(), beside, below]).max() < 5 / 64


def test_grey_noise_is_the_same_in_the_channels():
    noise = noise_on_grey(Noise(0.1, grey=True))
    assert (noise == noise[:, :1]).all()
    assert abs(np.corrcoef(noise[0, 0].ravel(), noise[1, 0].ravel())[0, 1]) < 5 / 64


@pytest.mark.parametrize("distribution", ["uniform", "gaussian"])
def test_twice_the_strength_is_twice_the_noise(distribution):
    once, twice = (noise_on_grey(Noise(strength, distribution)) for strength in (0.05, 0.1))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-6)


def test_what_leaves_the_range_is_clipped():
    rng = ImageRandom.for_images(0, "noise", 0, ["a", "b"])
    white, grey = (Noise(0.4)(torch.full(SIZE, level), rng) for level in (1.0, 0.5))
    assert torch.allclose(white, (grey + 0.5).clamp(0, 1), atol=1e-6)
    assert (white == 1).double().mean() == pytest.approx(0.5, abs=0.02)


def test_no_strength_is_the_identity():
    images = torch.rand(SIZE)
    assert torch.equal(Noise(0)(images, ImageRandom.for_images(0, "noise", 0, ["a", "b"])), images)
