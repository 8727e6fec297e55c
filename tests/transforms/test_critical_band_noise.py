"""Critical-band noise against a pyramid made with scipy, and against the published stimuli."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from shapebias.rng import ImageRandom
from shapebias.transforms.critical_band_noise import CriticalBandNoise, _pyramid_band

BANDS = range(7)


def rng(count=1):
    return ImageRandom.for_images(0, "critical-band-noise", 0, [f"{index}.png" for index in range(count)])


def noise_of(band, sigma, side=224, count=1):
    images = torch.full((count, 3, side, side), 0.5)
    return (CriticalBandNoise(band, sigma)(images, rng(count)) - 0.449)[:, 0].double().numpy()


def smoothed(image):
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    return ndimage.correlate1d(ndimage.correlate1d(image, kernel, axis=0, mode="mirror"), kernel, axis=1, mode="mirror")


def expanded(image, shape):
    larger = np.zeros(shape)
    larger[::2, ::2] = image
    return 4 * smoothed(larger)


@pytest.mark.parametrize("shape", [(64, 64), (224, 160)])
def test_each_band_is_that_of_a_pyramid_made_step_by_step(shape):
    image = np.random.default_rng(0).normal(size=shape)
    levels = [image]
    for _ in range(6):
        levels.append(smoothed(levels[-1])[::2, ::2])
    bands = [fine - expanded(coarse, fine.shape) for fine, coarse in itertools.pairwise(levels)] + levels[-1:]
    for level, band in enumerate(bands):
        for finer in reversed(levels[:level]):
            band = expanded(band, finer.shape)  # noqa: PLW2901 - up one level
        assert np.allclose(_pyramid_band(torch.from_numpy(image), level).numpy(), band, atol=1e-12)


@pytest.mark.parametrize("shape", [(224, 224), (33, 40), (1, 5)])
def test_the_bands_add_up_to_the_noise(shape):
    noise = torch.randn(shape, dtype=torch.float64)
    assert torch.allclose(sum(_pyramid_band(noise, level) for level in BANDS), noise)


def test_bands_lie_an_octave_apart():
    """The frequency below which half of the power lies doubles from band to band."""
    rows = np.fft.fftfreq(224, 1 / 224)
    radius = np.hypot(rows[:, None], rows).ravel()
    order = radius.argsort()
    white = torch.randn(8, 224, 224, generator=torch.Generator().manual_seed(0))
    medians = []
    for band in BANDS[1:]:
        noise = _pyramid_band(white, 6 - band).numpy()
        power = (np.abs(np.fft.fft2(noise)) ** 2).mean(axis=0).ravel()[order].cumsum()
        medians.append(radius[order][np.searchsorted(power, power[-1] / 2)])
    assert np.all(np.diff(np.log2(medians)) > 0.5)
    assert np.all(np.diff(np.log2(medians)) < 2)


def test_all_bands_have_the_same_power():
    for band in BANDS:
        assert np.sqrt((noise_of(band, 0.05) ** 2).mean()) == pytest.approx(0.95 * 0.05, rel=0.01)


def test_the_image_is_grey_with_a_fifth_of_its_contrast_about_the_mean():
    images = torch.rand(2, 3, 16, 16)
    luma = (images * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=1)
    wanted = 0.449 + 0.2 * (luma - luma.mean(dim=(1, 2), keepdim=True))
    result = CriticalBandNoise(3, sigma=0)(images, rng(2))
    for channel in range(3):
        assert torch.allclose(result[:, channel], wanted, atol=1e-6)


def test_the_published_stimuli_have_this_contrast_mean_and_power(data_dir):
    """Variances of the noise and of the image add up; at 0.16 a few pixels are clipped."""
    variances: dict[tuple[str, int], list[float]] = {}
    for file in sorted((data_dir / "critical-band" / "stimuli").rglob("*.JPEG"))[::3]:
        sigma, band = re.search(r"noise([\d.]+)_freq(\d)", file.name).groups()
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("L"), dtype=float) / 255
        if sigma == "0":
            assert pixels.mean() == pytest.approx(0.449, abs=0.002)
        variances.setdefault((sigma, int(band) if sigma != "0" else 0), []).append(pixels.var())
    unmasked = np.mean(variances.pop(("0", 0)))
    assert 0.03 < np.sqrt(unmasked) < 0.06  # a fifth of 0.23, what photographs have
    for (sigma, band), found in variances.items():
        if sigma in {"0.08", "0.16"} and band > 0:
            ours = noise_of(band, float(sigma), count=4).var(axis=(1, 2)).mean()
            assert np.sqrt(np.mean(found) - unmasked) == pytest.approx(np.sqrt(ours), rel=0.1)
