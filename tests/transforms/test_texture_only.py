"""Texture alone: patches come whole from inside the object, from all places alike, at the size that the mask allows."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import shapebias as sb
from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.transforms.texture_only import TextureOnly

sides = st.integers(1, 9)


def rng(count=1, seed=0):
    return ImageRandom.for_images(seed, "texture-only", 0, list(map(str, range(count))))


def numbered(count, height, width):
    """Make images whose pixels say where they are: no two of an image are equal."""
    return (torch.arange(height * width).double() / (height * width)).view(1, 1, height, width).repeat(count, 3, 1, 1)


def inside(mask: torch.Tensor, side: int) -> set[tuple[int, int]]:
    """List the first corners of the squares inside a mask, one by one."""
    height, width = mask.shape
    return {
        (y, x)
        for y in range(height - side + 1)
        for x in range(width - side + 1)
        if mask[y : y + side, x : x + side].all()
    }


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.sampled_from([0.4, 0.7, 1]), st.sampled_from([0.3, 0.7, 1]), st.integers(0, 99))
def test_the_picture_is_made_of_whole_patches_from_inside_the_mask(height, width, patch, density, seed):
    torch.manual_seed(seed)
    mask = torch.rand(2, height, width) < density
    mask[:, height // 2, width // 2] = True
    images = numbered(2, height, width)
    filled = TextureOnly(patch)(images, rng(2, seed), mask=mask)
    for image, result, own in zip(images[:, 0], filled[:, 0], mask, strict=True):
        largest = max(side for side in range(1, 10) if inside(own, side))
        side = max(1, int(largest * patch))
        corners = inside(own, side)
        for top in range(0, height, side):
            for left in range(0, width, side):
                shown = result[top : top + side, left : left + side]
                y, x = divmod(round(float(shown[0, 0]) * height * width), width)
                assert (y, x) in corners
                assert torch.equal(shown, image[y : y + shown.shape[0], x : x + shown.shape[1]])


def test_every_place_inside_is_equally_likely():
    """Chi-squared over the nine squares of 2 x 2 pixels in one of 4 x 4: 600 images with 16 patches each."""
    mask = torch.zeros(600, 8, 8, dtype=torch.bool)
    mask[:, 2:6, 3:7] = True
    filled = TextureOnly(patch=0.5)(numbered(600, 8, 8), rng(600), mask=mask)
    corners = (filled[:, 0, ::2, ::2] * 64).round().int().flatten().tolist()
    assert set(corners) == {y * 8 + x for y in (2, 3, 4) for x in (3, 4, 5)}
    wanted = len(corners) / 9
    assert (
        sum((count - wanted) ** 2 / wanted for count in Counter(corners).values()) < 26.1
    )  # 0.1 % quantile, 8 degrees


def test_patches_of_one_picture_are_drawn_apart():
    mask = torch.ones(1, 16, 16, dtype=torch.bool)
    filled = TextureOnly(patch=0.25)(numbered(1, 16, 16), rng(), mask=mask)
    assert len(set(filled[0, 0, ::4, ::4].flatten().tolist())) > 12


def test_an_object_without_a_pixel_is_refused():
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, 1, 1] = True
    with pytest.raises(DataError, match=r"texture-only: 1 of 2 masks are empty"):
        TextureOnly()(torch.rand(2, 3, 4, 4), rng(2), mask=mask)


def test_no_colour_of_the_background_is_left_in_the_built_in_stimuli():
    shown = sb.preview("stimuli:cue=shape,images=8,size=64", "texture-only", images=8)
    for clean, filled in shown.images:
        background = clean[:, 0, 0].view(3, 1, 1)
        assert (filled - background).abs().sum(dim=0).min() > 0.1
