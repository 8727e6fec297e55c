"""Changes of colour and of resolution, against scikit-image, Pillow and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from shapebias_corruptions.colour import Brightness, Contrast, Saturate
from shapebias_corruptions.jpeg_compression import JpegCompression
from shapebias_corruptions.pixelate import Pixelate
from skimage.color import hsv2rgb, rgb2hsv

BOTH = pytest.mark.parametrize("constants", ["imagenet", "cifar"])
ALL = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def as_bytes(array):
    return (255 * array).round().astype(np.uint8)


@pytest.fixture(scope="module")
def special(images, arrays):
    """The images with grey, black and white pixels, where hue and saturation have no meaning."""
    images, arrays = images.clone(), [array.copy() for array in arrays]
    for position, value in enumerate((0, 0.3, 1)):
        images[:, :, position, 5:9] = value
        for array in arrays:
            array[position, 5:9] = value
    return images, arrays


@BOTH
@ALL
def test_brightness_is_the_value_of_hsv(special, close, severity, constants):
    images, arrays = special
    shift = {"imagenet": [0.1, 0.2, 0.3, 0.4, 0.5], "cifar": [0.05, 0.1, 0.15, 0.2, 0.3]}[constants][severity - 1]
    hsv = [rgb2hsv(array) for array in arrays]
    expected = [hsv2rgb(np.dstack([each[..., :2], (each[..., 2] + shift).clip(0, 1)])) for each in hsv]
    close(Brightness(severity, constants)(images, None), expected, 1e-6)


@BOTH
@ALL
def test_saturate_is_the_saturation_of_hsv(special, close, severity, constants):
    images, arrays = special
    published = {
        "imagenet": [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)],
        "cifar": [(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
    }
    factor, summand = published[constants][severity - 1]
    expected = []
    for array in arrays:
        hue, saturation, value = np.moveaxis(rgb2hsv(array), 2, 0)
        expected.append(hsv2rgb(np.dstack([hue, (factor * saturation + summand).clip(0, 1), value])))
    close(Saturate(severity, constants)(images, None), expected, 1e-5)


@BOTH
@ALL
def test_contrast_is_about_the_mean_colour_of_each_image(images, arrays, close, severity, constants):
    share = {"imagenet": [0.4, 0.3, 0.2, 0.1, 0.05], "cifar": [0.75, 0.5, 0.4, 0.3, 0.15]}[constants][severity - 1]
    expected = [array.mean((0, 1)) + share * (array - array.mean((0, 1))) for array in arrays]
    close(Contrast(severity, constants)(images, None), expected, 1e-6)


@BOTH
@ALL
def test_pixelate_is_pillow_s_box_filter_twice(images, arrays, close, severity, constants):
    scale = {"imagenet": [0.6, 0.5, 0.4, 0.3, 0.25], "cifar": [0.95, 0.9, 0.85, 0.75, 0.65]}[constants][severity - 1]
    expected = []
    for array in arrays:
        picture = Image.fromarray(as_bytes(array[:44, :64]))  # of these sides no pixel is cut in the middle
        small = picture.resize((int(picture.width * scale), int(picture.height * scale)), Image.Resampling.BOX)
        expected.append(np.array(small.resize(picture.size, Image.Resampling.BOX)) / 255)
    close(
        Pixelate(severity, constants)(images[..., :44, :64], None), expected, 1.01 / 255
    )  # Pillow rounds to bytes, twice


@BOTH
@ALL
def test_jpeg_is_that_of_another_library(images, arrays, severity, constants):
    quality = {"imagenet": [25, 18, 15, 10, 7], "cifar": [80, 65, 58, 50, 40]}[constants][severity - 1]
    found = JpegCompression(severity, constants)(images, None)
    for image, array in zip(found, arrays, strict=True):
        _, code = cv2.imencode(".jpg", as_bytes(array)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        expected = cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float64)
        difference = (255 * image.permute(1, 2, 0).double().numpy() - expected).__abs__()
        assert difference.mean() < 0.1
        assert difference.max() <= 4  # two versions of the same codec round differently


def test_jpeg_rounds_pixels_to_the_next_byte():
    between = torch.full((1, 3, 16, 16), 100.6 / 255)
    # At quality 80 the step of the mean is 6 / 8 of a grey level: 101 is 36 steps below 128, and 100 would be 100.25.
    assert torch.allclose(JpegCompression(1, "cifar")(between, None), torch.tensor(101 / 255), atol=0.1 / 255)


@pytest.mark.parametrize("corruption", [Pixelate(5), JpegCompression(5)])
def test_a_single_pixel_is_enough(corruption):
    assert torch.allclose(corruption(torch.full((1, 3, 1, 1), 0.5), None), torch.tensor(0.5), atol=0.05)
