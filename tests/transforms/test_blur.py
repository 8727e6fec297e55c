"""Blurring against scipy and torchvision, at every size also where the Gaussian is wider than the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torchvision.transforms.functional import gaussian_blur

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
