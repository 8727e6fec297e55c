"""Images, and their random numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from shapebias.plugin import ImageRandom

IDS = ["a.png", "b.png"]


@pytest.fixture(scope="session")
def rng():
    return ImageRandom.for_images(0, "corruption", 0, IDS)


@pytest.fixture(scope="session", params=[(64, 64), (45, 70)], ids=["square", "oblong"])
def images(request):
    """Two images of blobs and grain, with values that bytes can have, so that libraries of bytes see the same."""
    height, width = request.param
    random = np.random.default_rng(5)
    coarse = torch.from_numpy(random.random((2, 3, 8, 10), dtype=np.float32))
    blobs = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    grain = torch.from_numpy(random.normal(0, 0.08, (2, 3, height, width)).astype(np.float32))
    return (255 * (1.3 * blobs - 0.15 + grain).clamp(0, 1)).round() / 255


@pytest.fixture(scope="session")
def arrays(images):
    """The same images as libraries take them: (H, W, 3), float64."""
    return [image.permute(1, 2, 0).double().numpy() for image in images]


@pytest.fixture(scope="session")
def close():
    """Compare a batch with arrays (H, W, 3), one an image."""

    def assert_close(found, expected, atol):
        expected = torch.from_numpy(np.stack(expected)).permute(0, 3, 1, 2).double()
        assert (found.double() - expected).abs().max() <= atol

    return assert_close


@pytest.fixture(scope="session")
def enlarged_middle():
    """Enlarge the middle of (H, W, C) and keep its size, as scipy does."""

    def enlarge_middle(array, factor):
        windows = [math.ceil(side / factor) for side in array.shape[:2]]
        starts = [(side - window) // 2 for side, window in zip(array.shape[:2], windows, strict=True)]
        rows, columns = (slice(start, start + window) for start, window in zip(starts, windows, strict=True))
        large = ndimage.zoom(array[rows, columns], (factor, factor, 1), order=1, mode="nearest")
        top, left = ((have - want) // 2 for have, want in zip(large.shape[:2], array.shape[:2], strict=True))
        return large[top : top + array.shape[0], left : left + array.shape[1]]

    return enlarge_middle


@pytest.fixture(scope="session")
def smear():
    """Smear (H, W, C) along an angle in degrees with half a Gaussian, step by step."""

    def motion_blurred(array, radius, sigma, degrees):
        height, width = array.shape[:2]
        total, weights = np.zeros_like(array), 0
        for step in range(2 * radius + 1):
            weight = math.exp(-(step**2) / (2 * sigma**2))
            rows = np.arange(height) + math.ceil(step * math.sin(math.radians(degrees)) - 0.5)
            columns = np.arange(width) + math.ceil(step * math.cos(math.radians(degrees)) - 0.5)
            total += weight * array[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
            weights += weight
        return total / weights

    return motion_blurred
