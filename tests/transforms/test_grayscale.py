"""Luma against Pillow and torchvision."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.functional import rgb_to_grayscale

from shapebias.transforms.grayscale import Grayscale


def test_luma_is_that_of_pillow():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    luma = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    grey = Grayscale()(images, None)
    assert grey.shape == images.shape
    assert np.abs(grey[0, 0].numpy() * 255 - luma).max() <= 0.51  # Pillow rounds to whole values


def test_luma_is_that_of_torchvision():
    images = torch.rand(2, 3, 5, 5)
    assert torch.allclose(
        Grayscale()(images, None), rgb_to_grayscale(images, 3), atol=2e-4
    )  # which drops 0.0001 of red


def test_channels_are_equal_and_greys_stay():
    grey = torch.rand(2, 1, 5, 5).expand(2, 3, 5, 5)
    result = Grayscale()(grey, None)
    assert torch.allclose(result, grey, atol=1e-6)
    assert torch.equal(result[:, 0], result[:, 1])
    assert torch.equal(result[:, 0], result[:, 2])


def test_white_stays_in_range():
    white = Grayscale()(torch.ones(1, 3, 2, 2), None)
    assert white.max() <= 1
    assert white.min() > 0.9999


def test_alpha_fades_colour_between_the_image_and_its_luma():
    images = torch.rand(2, 3, 5, 5)
    assert torch.equal(Grayscale(alpha=0)(images, None), images)
    assert torch.equal(Grayscale(alpha=1)(images, None), Grayscale()(images, None))
    mixed = 0.6 * Grayscale()(images, None) + 0.4 * images
    assert torch.allclose(Grayscale(alpha=0.6)(images, None), mixed, atol=1e-6)
