"""The elastic transform against OpenCV's affine map and scipy's interpolation, from the same random numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage
from shapebias_corruptions.elastic_transform import ElasticTransform

ELASTIC = {
    "imagenet": [(488, 170.8, 24.4), (488, 19.52, 48.8), (12.2, 2.44, 4.88), (17.08, 2.44, 4.88), (29.28, 2.44, 4.88)],
    "cifar": [(0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)],
}


@pytest.mark.parametrize("constants", ["imagenet", "cifar"])
@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_elastic_transform_is_opencv_s_and_scipy_s(images, arrays, rng, severity, constants):
    distance, sigma, jitter = ELASTIC[constants][severity - 1]
    height, width = images.shape[2:]
    moves = jitter * (2 * rng.uniform("corners", 0, (3, 2)).numpy() - 1)
    ripples = 2 * rng.uniform("ripples", 0, (2, height, width)).double().numpy() - 1
    found = ElasticTransform(severity, constants)(images, rng)
    y, x = np.mgrid[:height, :width]
    side = min(height, width) // 3
    corners = np.float32([[side, side], [side, -side], [-side, -side]]) + np.float32([width // 2, height // 2])
    for image, array, move, ripple in zip(found, arrays, moves, ripples, strict=True):
        affine = cv2.getAffineTransform(corners, corners + move.astype(np.float32))
        back = cv2.invertAffineTransform(affine)
        from_x, from_y = back @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        positions = [from_y.reshape(y.shape), from_x.reshape(x.shape)]
        stretched = [
            ndimage.map_coordinates(each, positions, order=1, mode="mirror") for each in array.transpose(2, 0, 1)
        ]
        rounded = cv2.warpAffine(array, affine, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        # OpenCV counts places in 1 / 32 of a pixel.
        assert np.abs(rounded - np.stack(stretched, 2)).mean() < 0.01
        if distance:
            shifts = [distance * ndimage.gaussian_filter(each, sigma, mode="reflect", truncate=3) for each in ripple]
            positions = [y + shifts[0], x + shifts[1]]
            stretched = [ndimage.map_coordinates(each, positions, order=1, mode="reflect") for each in stretched]
        assert np.abs(image.double().numpy() - np.stack(stretched)).max() < 2e-4
