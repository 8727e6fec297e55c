"""Noise: its distribution at the published strengths."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from shapebias_corruptions.noise import GaussianNoise, ImpulseNoise, ShotNoise, SpeckleNoise

SEVERITIES = [1, 2, 3, 4, 5]


def grey(value):
    return torch.full((2, 3, 128, 128), value)


@pytest.mark.parametrize(
    ("noise", "value", "deviations"),
    [
        (GaussianNoise, 0.5, {"imagenet": [0.08, 0.12, 0.18, 0.26, 0.38], "cifar": [0.04, 0.06, 0.08, 0.09, 0.1]}),
        (SpeckleNoise, 0.4, {"imagenet": [0.15, 0.2, 0.35, 0.45, 0.6], "cifar": [0.06, 0.1, 0.12, 0.16, 0.2]}),
    ],
)
@pytest.mark.parametrize("constants", ["imagenet", "cifar"])
def test_noise_is_normal_and_clipped(noise, value, deviations, constants, rng):
    for severity, deviation in zip(SEVERITIES, deviations[constants], strict=True):
        found = noise(severity, constants)(grey(value), rng).flatten()
        scale = deviation * (value if noise is SpeckleNoise else 1)
        inside = found[(found > 0) & (found < 1)]
        law = stats.truncnorm(-value / scale, (1 - value) / scale, value, scale)
        assert stats.kstest(inside[::7].numpy(), law.cdf).pvalue > 1e-3
        black = stats.norm.cdf(0, value, scale)
        assert stats.binomtest(int((found == 0).sum()), len(found), black).pvalue > 1e-3


@pytest.mark.parametrize("constants", ["imagenet", "cifar"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_photons_are_the_quantiles_of_a_poisson_distribution(images, rng, severity, constants):
    white = {"imagenet": [60, 25, 12, 5, 3], "cifar": [500, 250, 100, 75, 50]}[constants][severity - 1]
    drawn = rng.uniform("photons", 0, images.shape[1:]).double() + 2**-25
    expected = stats.poisson.ppf(drawn.numpy(), images.double().numpy() * white) / white
    found = ShotNoise(severity, constants)(images, rng)
    assert torch.allclose(found.double(), torch.from_numpy(expected).clamp(0, 1), atol=1e-6)


def test_black_has_no_photons(rng):
    assert not ShotNoise(5)(grey(0.0), rng).any()


@pytest.mark.parametrize("constants", ["imagenet", "cifar"])
def test_impulses_are_as_many_as_published_half_of_them_white(constants, rng):
    published = {"imagenet": [0.03, 0.06, 0.09, 0.17, 0.27], "cifar": [0.01, 0.02, 0.03, 0.05, 0.07]}[constants]
    for severity, amount in zip(SEVERITIES, published, strict=True):
        found = ImpulseNoise(severity, constants)(grey(0.5), rng).flatten()
        for value in (0, 1):
            assert stats.binomtest(int((found == value).sum()), len(found), amount / 2).pvalue > 1e-3
        assert ((found == 0) | (found == 0.5) | (found == 1)).all()
