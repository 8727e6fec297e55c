"""Non-local means against OpenCV and against its formula."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import lab2xyz, xyz2lab

from shapebias.transforms.non_local_means import NonLocalMeans, _to_lab, _to_rgb


@pytest.fixture(scope="module")
def photo(data_dir):
    file = min((data_dir / "photos-imagenet").rglob("*.jpg"))
    with Image.open(file) as image:
        return np.array(image.convert("RGB").resize((64, 56)))


def in_255(images):
    return images[0].permute(1, 2, 0).numpy() * 255


@pytest.mark.parametrize("h", [5, 15, 25])
@pytest.mark.parametrize(("template", "window"), [(14, 21), (7, 8)])
def test_planes_are_averaged_as_by_opencv_up_to_its_rounding(photo, h, template, window):
    """One plane, and two planes that share their weights, as L* and (a*, b*) are averaged."""
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    ours = NonLocalMeans(h / 255, template, window)
    for first, last in ((0, 1), (1, 3)):
        wanted = cv2.fastNlMeansDenoising(photo[..., first:last].copy(), None, h, template, window)
        difference = np.abs(in_255(ours._averaged(planes[:, first:last])) - wanted.reshape(56, 64, -1))
        assert difference.max() < 1  # it rounds to whole values, and distances in steps of about 1
        assert difference.mean() < 0.3


def test_colour_images_are_opencv_s_up_to_its_rounding_of_lab(photo):
    """A step of 8-bit a* or b* is up to 3 steps of a channel, so single pixels differ by more than 1."""
    images = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    wanted = cv2.fastNlMeansDenoisingColored(photo[..., ::-1].copy(), None, 15, 15, 14, 21)[..., ::-1]
    difference = np.abs(in_255(NonLocalMeans(15 / 255)(images, None)) - wanted)
    assert difference.max() < 6
    assert difference.mean() < 1


def test_lab_is_that_of_scikit_image_and_comes_back():
    images = torch.rand(2, 3, 5, 5, dtype=torch.float64)
    lab = _to_lab(images)
    weights = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    xyz = images.permute(0, 2, 3, 1).numpy() @ weights.T
    wanted = xyz2lab(xyz) / (100, 255, 255)
    assert np.abs(lab.permute(0, 2, 3, 1).numpy() - wanted).max() < 2e-4  # its white point has other last digits
    assert np.abs(lab2xyz(wanted * (100, 255, 255)) - xyz).max() < 1e-3
    assert torch.allclose(_to_rgb(lab), images, atol=1e-9)
    assert torch.allclose(_to_rgb(_to_lab(torch.zeros(1, 3, 1, 1))), torch.zeros(1, 3, 1, 1), atol=1e-6)


def test_it_is_the_formula_where_the_mirror_image_is_needed_more_than_once():
    plane = torch.rand(1, 1, 4, 3, dtype=torch.float64)
    result = NonLocalMeans(0.2, template=3, window=5)._averaged(plane)
    around = np.pad(plane[0, 0].numpy(), 3, mode="reflect")
    for row, column in np.ndindex(4, 3):
        patch = around[row + 2 : row + 5, column + 2 : column + 5]
        others = [(down, across) for down in range(row, row + 5) for across in range(column, column + 5)]
        distances = [((around[i : i + 3, j : j + 3] - patch) ** 2).mean() for i, j in others]
        weights = np.exp(-np.array(distances) / 0.2**2)
        weights[weights < 0.001] = 0
        values = np.array([around[i + 1, j + 1] for i, j in others])
        assert np.isclose(result[0, 0, row, column], (weights * values).sum() / weights.sum())
