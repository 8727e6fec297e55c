"""Images, and their random numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shapebias import ImageRandom

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
