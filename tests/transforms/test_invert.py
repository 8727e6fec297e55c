"""The negative against torchvision and Pillow."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.transforms.functional import invert

from shapebias.transforms.invert import Invert


def test_the_negative_is_that_of_torchvision_and_pillow():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    negative = Invert()(images, None)
    assert torch.equal(negative, invert(images))
    wanted = np.asarray(ImageOps.invert(Image.fromarray(pixels)))
    assert np.abs(negative[0].permute(1, 2, 0).numpy() * 255 - wanted).max() < 1e-4


def test_the_negative_of_the_negative_is_the_image():
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(Invert()(Invert()(images, None), None), images, atol=1e-7)
