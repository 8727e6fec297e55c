"""Blurs against scikit-image, OpenCV and scipy, and against the loops of the definition."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from shapebias_corruptions.blur import DefocusBlur, GaussianBlur, MotionBlur, ZoomBlur
from shapebias_corruptions.filters import motion_blurred, sampled_bilinear
from shapebias_corruptions.glass_blur import GlassBlur
from skimage.filters import gaussian

SEVERITIES = [1, 2, 3, 4, 5]
BOTH = pytest.mark.parametrize("constants", ["imagenet", "cifar"])
ALL = pytest.mark.parametrize("severity", SEVERITIES)


@BOTH
@ALL
def test_gaussian_blur_is_scikit_image_s(images, arrays, close, severity, constants):
    sigma = {"imagenet": [1, 2, 3, 4, 6], "cifar": [0.4, 0.6, 0.7, 0.8, 1]}[constants][severity - 1]
    found = GaussianBlur(severity, constants)(images, None)
    close(found, [gaussian(array, sigma, channel_axis=2) for array in arrays], 1e-5)


@BOTH
@ALL
def test_defocus_is_opencv_s_filter_with_a_soft_disk(images, arrays, close, severity, constants):
    published = {
        "imagenet": [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
        "cifar": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    }
    radius, softness = published[constants][severity - 1]
    reach, rim = (8, 3) if radius <= 8 else (radius, 5)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (np.hypot(x, y) <= radius).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (rim, rim), sigmaX=softness)
    found = DefocusBlur(severity, constants)(images, None)
    close(found, [cv2.filter2D(array, -1, kernel).clip(0, 1) for array in arrays], 1e-5)


@BOTH
@ALL
def test_zoom_blur_is_a_mean_of_scipy_s_zooms(images, arrays, close, enlarged_middle, severity, constants):
    ranges = {
        "imagenet": [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)],
        "cifar": [(1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)],
    }
    factors = np.arange(1, *ranges[constants][severity - 1])
    expected = [np.mean([array, *(enlarged_middle(array, each) for each in factors)], axis=0) for array in arrays]
    close(ZoomBlur(severity, constants)(images, None), expected, 1e-5)


@BOTH
@ALL
def test_motion_blur_follows_the_angle_of_each_image(images, arrays, rng, close, smear, severity, constants):
    published = {
        "imagenet": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
        "cifar": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    }
    radius, sigma = published[constants][severity - 1]
    angles = 90 * rng.uniform("angle", 0, ()).double().numpy() - 45
    expected = [smear(array, radius, sigma, angle) for array, angle in zip(arrays, angles, strict=True)]
    close(MotionBlur(severity, constants)(images, rng), expected, 1e-5)


def test_a_point_is_smeared_against_the_direction():
    point = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    point[..., 4, 4] = 1
    found = motion_blurred(point, 2, 1, torch.tensor([90.0]))[0, 0]
    weights = np.exp(-0.5 * np.arange(5) ** 2)
    assert np.allclose(found[:, 4].flip(0)[4:], weights / weights.sum())
    assert found.sum() == pytest.approx(1)


@BOTH
@ALL
def test_glass_is_the_loop_that_copies(images, arrays, rng, close, severity, constants):
    published = {
        "imagenet": [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
        "cifar": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    }
    sigma, reach, rounds = published[constants][severity - 1]
    expected = []
    for row, array in enumerate(arrays):
        moved = gaussian(array, sigma, channel_axis=2)
        height, width = moved.shape[:2]
        for index in range(rounds):
            offsets = rng[row].integers("offsets", index, (2, height, width), high=2 * reach)[0].numpy() - reach
            for h in range(height - reach, reach, -1):
                for w in range(width - reach, reach, -1):
                    down, across = offsets[:, h, w]
                    moved[h, w] = moved[h + down, w + across]
        expected.append(gaussian(moved, sigma, channel_axis=2))
    close(GlassBlur(severity, constants)(images, rng), expected, 1e-5)


def test_numpy_s_exchange_of_rows_is_a_copy():
    # Why the loop above has no second half.
    pixels = np.arange(6).reshape(2, 1, 3)
    pixels[0, 0], pixels[1, 0] = pixels[1, 0], pixels[0, 0]
    assert pixels.tolist() == [[[3, 4, 5]], [[3, 4, 5]]]


@pytest.mark.parametrize(("border", "name"), [("mirror", "mirror"), ("reflect", "reflect"), ("nearest", "nearest")])
def test_pixels_between_pixels_are_scipy_s_far_outside_too(border, name, images, arrays, close):
    height, width = images.shape[2:]
    random = np.random.default_rng(7)
    y, x = random.uniform(-2 * height, 3 * height, (2, height, width)), random.uniform(-90, 200, (2, height, width))
    found = sampled_bilinear(images, torch.from_numpy(y), torch.from_numpy(x), border)
    expected = [
        np.stack(
            [ndimage.map_coordinates(each, [rows, columns], order=1, mode=name) for each in array.transpose(2, 0, 1)], 2
        )
        for array, rows, columns in zip(arrays, y, x, strict=True)
    ]
    close(found, expected, 1e-5)
