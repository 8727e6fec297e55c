"""The bilateral filter against OpenCV, and against its formula."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.transforms.bilateral import Bilateral


def pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_images(array):
    return torch.from_numpy(array).permute(2, 0, 1)[None] / 255


@settings(max_examples=30, deadline=None)
@given(st.integers(9, 20), st.integers(9, 20), st.integers(1, 14), st.floats(20, 250), st.floats(0.5, 100))
def test_it_is_opencv_s_up_to_its_rounding(height, width, d, sigma_colour, sigma_space):
    image = pixels(height, width)
    wanted = cv2.bilateralFilter(image, d, sigma_colour, sigma_space)
    result = Bilateral(d, sigma_colour / 255, sigma_space)(as_images(image), None)
    assert np.abs(result[0].permute(1, 2, 0).numpy() * 255 - wanted).max() < 0.51  # which rounds to whole values


def test_it_is_the_formula_where_the_mirror_image_is_needed_more_than_once():
    image = pixels(3, 2).astype(np.float64) / 255
    around = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    result = Bilateral(8, 0.3, 2)(torch.from_numpy(image).permute(2, 0, 1)[None], None)
    for row, column in np.ndindex(3, 2):
        weights, total = 0.0, np.zeros(3)
        for down, across in np.ndindex(9, 9):
            squared = (down - 4) ** 2 + (across - 4) ** 2
            neighbour = around[row + down, column + across]
            colour = np.abs(neighbour - image[row, column]).sum()
            weight = np.exp(-squared / 8 - colour**2 / 0.18) * (squared <= 16)
            weights, total = weights + weight, total + weight * neighbour
        assert np.allclose(result[0, :, row, column].numpy(), total / weights)


def test_a_strong_edge_stays_and_weak_texture_goes():
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:] = 0.9
    image[..., ::2, :] += 0.05
    result = Bilateral(9, 0.2, 75)(image, None)
    assert result.diff(dim=3).abs().max() > 0.85
    assert result.diff(dim=2)[..., 4:-4, :].abs().max() < 0.02
