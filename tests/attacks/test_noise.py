"""Uniform and Gaussian noise against their distributions."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch.nn import functional

from shapebias.attacks.gaussian_noise import GaussianNoise
from shapebias.attacks.norms import LP_BALLS
from shapebias.attacks.uniform_noise import UniformNoise
from shapebias.rng import ImageRandom

NOISES = {"uniform-noise": UniformNoise, "gaussian-noise": GaussianNoise}
every_noise = pytest.mark.parametrize("name", NOISES)


@pytest.fixture(scope="module")
def grey():
    return torch.full((400, 3, 8, 8), 0.5, dtype=torch.float64)


def perturbation(name, grey, **settings):
    rng = ImageRandom.for_images(0, name, 0, list(map(str, range(len(grey)))))
    return NOISES[name](keep="last", **settings)(None, grey, torch.zeros(len(grey), dtype=torch.long), rng) - grey


def test_uniform_noise_is_uniform_between_minus_eps_and_eps(grey):
    values = perturbation("uniform-noise", grey, eps=0.25).flatten()
    assert stats.kstest(values[::7], stats.uniform(-0.25, 0.5).cdf).pvalue > 0.001


def test_gaussian_noise_is_normal_with_half_of_eps_and_cut_off_at_eps(grey):
    values = perturbation("gaussian-noise", grey, eps=0.25).flatten()
    inside = values[values.abs() < 0.25]
    assert stats.kstest(inside[::7], stats.truncnorm(-2, 2, scale=0.125).cdf).pvalue > 0.001
    assert len(inside) / len(values) == pytest.approx(stats.norm.cdf(2) - stats.norm.cdf(-2), abs=0.003)
    assert values.abs().max() <= 0.25


def test_in_the_l2_ball_gaussian_noise_has_length_eps_and_uniform_noise_is_uniform(grey):
    gaussian, uniform = (
        perturbation(name, grey, eps=0.25, norm="l2").flatten(1).norm(dim=1)
        for name in ("gaussian-noise", "uniform-noise")
    )
    assert torch.allclose(gaussian, torch.full_like(gaussian, 0.25), atol=1e-6)
    assert stats.kstest((uniform / 0.25) ** 192, "uniform").pvalue > 0.001  # 192 = 3 x 8 x 8 dimensions


@every_noise
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pixels_and_images_are_not_correlated_and_have_no_mean(grey, name, norm):
    noise = perturbation(name, grey, eps=0.25, norm=norm)
    noise = (noise / noise.std()).flatten(1)
    assert noise.mean(dim=0).abs().max() < 5 / 20
    for shifted in (noise.roll(1, 0), noise.roll(1, 1), noise.roll(8, 1), noise.roll(64, 1)):
        assert (noise * shifted).mean().abs() < 5 / noise.numel() ** 0.5


@every_noise
def test_a_larger_eps_is_more_of_the_same_noise(grey, name):
    once, twice = (perturbation(name, grey[:5], eps=eps) for eps in (0.1, 0.2))
    assert torch.allclose(2 * once, twice, atol=1e-9)


@every_noise
def test_more_samples_fool_more_and_keep_what_fell(small, batch, name):
    images, labels, ids = batch
    rng = ImageRandom.for_images(0, name, 0, ids)
    once, often = (NOISES[name](eps=0.15, samples=samples)(small, images, labels, rng) for samples in (1, 40))
    misclassified, misclassified_later = (small(attacked).argmax(dim=1) != labels for attacked in (once, often))
    assert torch.equal(often[misclassified], once[misclassified])
    assert misclassified.sum() < misclassified_later.sum()


@every_noise
def test_the_worst_of_several_draws_is_one_of_them_or_the_image(small, batch, name):
    images, labels, ids = batch
    images, labels = images[:-1], labels[:-1]
    rng = ImageRandom.for_images(0, name, 0, ids[:-1])
    worst = NOISES[name](eps=0.02, samples=3, keep="worst")(small, images, labels, rng)
    draw = {"uniform-noise": LP_BALLS["linf"].uniform, "gaussian-noise": LP_BALLS["linf"].gaussian}[name]
    tried = [images] + [(images + 0.02 * draw(rng, sample, images.shape[1:])).clamp(0, 1) for sample in range(3)]
    losses = torch.stack([functional.cross_entropy(small(one), labels, reduction="none") for one in tried])
    assert torch.allclose(worst, torch.stack(tried)[losses.argmax(dim=0), torch.arange(len(images))])
