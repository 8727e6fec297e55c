"""What every built-in transform promises, and what their specs declare."""

from __future__ import annotations

import attrs
import pytest
import torch

from shapebias.plugins.protocols import Transformed
from shapebias.rng import ImageRandom
from shapebias.transforms import shapebias_transforms

SPECS = {spec.name: spec for spec in shapebias_transforms()}

# Where the defaults are for larger images than these of 16 pixels.
SETTINGS = {
    "band-noise": {"centre": 4},
    "bilateral": {"d": 3, "sigma_colour": 0.2},
    "blur": {"sigma": 0.5},
    "critical-band-noise": {"sigma": 0.01},
    "high-pass": {"radius": 2},
    "non-local-means": {"template": 3, "window": 5},
}


@pytest.fixture(scope="module", autouse=True)
def _weights(microast_folder):
    SETTINGS["stylize"] = {"method": "microast", "weights": microast_folder}


@pytest.fixture(params=sorted(SPECS))
def name(request):
    return request.param


def transformed(name, images, rows=slice(None)):
    """Apply a transform to some of four images, each with its own random numbers, partner and mask."""
    transform = SPECS[name].load()(**SETTINGS.get(name, {}))
    if hasattr(transform, "load"):
        transform = transform.load(images.device)
    needs = {"partner": images.roll(1, 0), "mask": square(len(images))}
    given = {need: needs[need][rows] for need in SPECS[name].needs}
    result = transform(images[rows], ImageRandom.for_images(0, name, 0, ["a", "b", "c", "d"])[rows], **given)
    return result.images if isinstance(result, Transformed) else result


def square(count):
    mask = torch.zeros(count, 16, 16, dtype=torch.bool)
    mask[:, 3:9, 5:10] = True
    return mask


def test_the_study_s_transforms_are_there():
    assert SPECS["saturate"].destroys == ("texture",)
    assert SPECS["patch-shuffle"].destroys == ("shape",)
    assert SPECS["grayscale"].destroys == ("colour",)
    assert SPECS["amplitude-swap"].needs == ("partner",)


def test_the_result_is_an_image_of_the_same_kind(name):
    images = torch.rand(4, 3, 16, 16)
    result = transformed(name, images)
    assert (result.shape, result.dtype, result.device) == (images.shape, images.dtype, images.device)


@pytest.mark.parametrize("make", [torch.zeros, torch.ones, torch.rand])
def test_the_result_is_in_range_also_for_black_and_white(name, make):
    result = transformed(name, make(4, 3, 16, 16))
    assert ((result >= 0) & (result <= 1)).all()  # NaN fails both


def test_an_image_alone_is_as_in_a_batch(name):
    images = torch.rand(4, 3, 16, 16)
    together = transformed(name, images)
    for row in range(4):
        assert torch.allclose(transformed(name, images, slice(row, row + 1))[0], together[row], atol=1e-5)


def test_the_layout_in_memory_does_not_matter(name):
    """The engine hands out images whose channels lie together in memory."""
    images = torch.rand(4, 3, 16, 16)
    result = transformed(name, images.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(result, transformed(name, images), atol=1e-5)


def test_the_input_and_the_global_random_numbers_are_left_alone(name):
    images = torch.rand(4, 3, 16, 16)
    before, state = images.clone(), torch.random.get_rng_state()
    transformed(name, images)
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)


# What random weights paint has no contours; those of real weights are looked at in test_stylize.py.
@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if not spec.moves_pixels and name != "stylize"])
def test_contours_stay_where_no_pixel_is_said_to_move(name):
    images = square(4)[:, None].expand(4, 3, 16, 16) * 0.6 + 0.2
    steps = transformed(name, images).diff(dim=3).abs().mean(dim=1)
    contour = square(4).int().diff(dim=2) != 0
    assert steps[contour].mean() > 2 * steps[~contour].mean()


def test_settings_are_frozen_and_hashable(name):
    settings = SPECS[name].load()(**SETTINGS.get(name, {}))
    assert hash(settings) == hash(attrs.evolve(settings))
    assert SPECS[name].references
    assert SPECS[name].summary
