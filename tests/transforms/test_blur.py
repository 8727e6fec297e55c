"""Blurring against scipy and torchvision, at every size also where the Gaussian is wider than the image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torchvision.transforms.functional import gaussian_blur

from shapebias.errors import SpellingError
from shapebias.transforms.blur import Blur

sides = st.integers(1, 12)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.sampled_from([0.3, 1, 2.6, 9]))
def test_each_channel_is_blurred_as_scipy_does(height, width, sigma):
    images = torch.rand(2, 3, height, width)
    wanted = ndimage.gaussian_filter(images.double().numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=4)
    assert np.abs(Blur(sigma)(images, None).numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("sigma", [0.5, 2, 5])
def test_torchvision_agrees_where_its_window_is_as_wide(sigma):
    images = torch.rand(2, 3, 32, 40)
    wanted = gaussian_blur(images, [2 * round(4 * sigma) + 1] * 2, [sigma] * 2)
    assert torch.allclose(Blur(sigma)(images, None), wanted, atol=1e-5)


def test_the_variances_of_two_blurs_add_up():
    images = torch.rand(1, 3, 64, 64)
    twice = Blur(4)(Blur(3)(images, None), None)
    assert torch.allclose(twice, Blur(5)(images, None), atol=1e-4)


def test_flat_images_stay_and_wide_blurs_are_flat():
    flat = torch.full((1, 3, 9, 7), 0.3)
    assert torch.allclose(Blur(2)(flat, None), flat, atol=1e-6)
    assert Blur(100)(torch.rand(1, 3, 9, 7), None).std(dim=(-2, -1)).max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 3, 9, 15]), st.floats(0.3, 4), st.integers(0, 9))
def test_a_kernel_of_k_pixels_is_opencv_s_up_to_its_rounding(k, sigma, seed):
    image = np.random.default_rng(seed).integers(0, 256, (18, 20, 3), dtype=np.uint8)
    wanted = cv2.GaussianBlur(image.astype(np.float32), (k, k), sigma)
    images = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    result = Blur(sigma, k)(images, None)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(result - wanted).max() < 1e-3
    assert np.abs(result - cv2.GaussianBlur(image, (k, k), sigma)).max() < 2.5  # whose weights are multiples of 1/256


def test_a_kernel_without_a_middle_is_refused():
    with pytest.raises(SpellingError, match=r"k=4: .* must be odd; use 5"):
        Blur(sigma=1, k=4)
