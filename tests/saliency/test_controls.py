"""The controls: noise that is uniform, and Sobel's edges against SciPy."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage, stats

from shapebias.rng import ImageRandom
from shapebias.saliency.edge_detector import EdgeDetector
from shapebias.saliency.random import Random


def test_edges_are_those_of_scipy():
    images = torch.rand(4, 3, 9, 7, dtype=torch.float64)
    maps = EdgeDetector()(None, images, None, None)
    for image, edges in zip(images.numpy(), maps.numpy(), strict=True):
        luma = np.tensordot([0.299, 0.587, 0.114], image, axes=1)
        slopes = [ndimage.sobel(luma, axis, mode="nearest") for axis in (0, 1)]
        np.testing.assert_allclose(edges, np.hypot(*slopes), atol=1e-6)


def test_a_blank_image_has_no_edges():
    assert EdgeDetector()(None, torch.full((1, 3, 5, 5), 0.3), None, None).max() < 1e-6


def test_random_maps_are_uniform_and_differ_between_images_and_seeds():
    images, ids = torch.rand(20, 3, 30, 40), list(map(str, range(20)))
    maps = Random()(None, images, None, ImageRandom.for_images(0, "random", 0, ids))
    assert maps.shape == (20, 30, 40)
    assert stats.kstest(maps.flatten().numpy(), "uniform").pvalue > 0.001
    assert np.abs(np.corrcoef(maps.flatten(1).numpy()) - np.eye(20)).max() < 5 / np.sqrt(1200)
    other = Random()(None, images, None, ImageRandom.for_images(1, "random", 0, ids))
    assert not torch.equal(maps, other)
