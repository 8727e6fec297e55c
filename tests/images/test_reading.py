"""Decoding and resizing against torchvision's transforms, and damaged files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from shapebias.errors import DataError
from shapebias.images.reading import fit, read_image

sides = st.integers(1, 90)


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@given(
    sides,
    sides,
    st.integers(1, 64),
    st.sampled_from([1.0, 0.95, 0.9, 0.875, 2 / 3]),
    st.sampled_from(["bilinear", "bicubic", "nearest", "lanczos"]),
)
@settings(max_examples=60, deadline=None)
def test_fit_is_resize_and_centre_crop(height, width, size, crop, interpolation):
    image = Image.fromarray(noise(height, width))
    resize = transforms.Resize(int(size / crop), transforms.InterpolationMode(interpolation))
    expected = transforms.Compose([resize, transforms.CenterCrop(size)])(image)
    got = fit(image, size, crop, interpolation)
    assert got.shape == (size, size, 3)
    if (height, width) != (size, size):
        assert np.array_equal(got, np.asarray(expected))


@pytest.mark.parametrize("crop", [1, 0.875])
def test_an_image_of_the_size_is_not_touched(crop):
    pixels = noise(48, 48)
    assert np.array_equal(fit(Image.fromarray(pixels), 48, crop), pixels)
    assert np.array_equal(fit(Image.fromarray(pixels)), pixels)


def test_a_short_side_that_fits_is_only_cropped():
    pixels = noise(64, 100)
    assert np.array_equal(fit(Image.fromarray(pixels), 56, 0.875), pixels[4:60, 22:78])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_8_bit_mode_becomes_rgb(mode, tmp_path):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image = Image.fromarray(noise(8, 8)).convert(mode)
    image.save(path)
    assert read_image(path).mode == "RGB"
    assert np.array_equal(read_image(path), image.convert("RGB"))


def test_transparency_and_orientation_are_ignored(tmp_path):
    pixels = noise(6, 9, 4)
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    assert np.array_equal(read_image(tmp_path / "clear.png"), pixels[..., :3])
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(noise(6, 9)).save(tmp_path / "turned.png", exif=turned)
    assert np.array_equal(read_image(tmp_path / "turned.png"), noise(6, 9))


def test_16_bits_are_refused_rather_than_clipped(tmp_path):
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png has pixels of type I;16, not of 8 bits"):
        read_image(tmp_path / "deep.png")


@given(kind=st.sampled_from(["PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM"]), data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_decoded_or_named(kind, data, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(noise(12, 12)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    position = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[position:]
    else:
        content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.img"
    path.write_bytes(content)
    try:
        image = read_image(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert image.mode == "RGB"


def test_missing_and_foreign_files_are_named(tmp_path):
    (tmp_path / "note.jpg").write_text("not an image")
    with pytest.raises(DataError, match=r"note\.jpg cannot be decoded as an image: .*; delete or repair it"):
        read_image(tmp_path / "note.jpg")
    with pytest.raises(DataError, match=r"gone\.jpg does not exist"):
        read_image(tmp_path / "gone.jpg")


def test_an_open_file_is_decoded_and_called_by_its_name():
    buffer = io.BytesIO()
    Image.fromarray(noise(8, 8)).save(buffer, "PNG")
    assert np.array_equal(read_image(buffer), noise(8, 8))
    with pytest.raises(DataError, match=r"a\.tar: note\.jpg cannot be decoded as an image"):
        read_image(io.BytesIO(b"not an image"), "a.tar: note.jpg")
