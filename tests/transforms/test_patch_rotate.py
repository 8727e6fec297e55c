"""Turning tiles against numpy, tile by tile."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.transforms.patch_rotate import PatchRotate


def rng(ids, seed=0):
    return ImageRandom.for_images(seed, "patch-rotate", 0, list(ids))


def turns_of(before, after, k):
    """Say for each tile, row by row, by which quarter turns it became what it is."""
    height, width = before.shape[1:]
    rows, columns = ([i * side // k for i in range(k + 1)] for side in (height, width))
    found = []
    for top, end in itertools.pairwise(rows):
        for left, right in itertools.pairwise(columns):
            one, other = (image[:, top:end, left:right] for image in (before, after))
            found.append([turn for turn in range(4) if np.array_equal(np.rot90(one, turn, axes=(1, 2)), other)])
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(8, 13), st.integers(8, 13), st.integers(0, 50))
def test_each_tile_is_turned_in_its_place_and_none_is_mirrored(k, height, width, seed):
    images = torch.rand(2, 3, height, width)
    turned = PatchRotate(k)(images, rng("ab", seed))
    for before, after in zip(images.numpy(), turned.numpy(), strict=True):
        assert all(len(turns) == 1 for turns in turns_of(before, after, k))  # the only turn that fits random pixels


def test_all_quarter_turns_are_equally_likely_and_half_turns_where_only_those_fit():
    images = torch.arange(24.0).view(1, 1, 4, 6).expand(1000, 3, 4, 6)
    square = PatchRotate(2)(images[..., :4], rng(map(str, range(1000))))
    counts = Counter(turn for image in square for [turn] in turns_of(images[0, ..., :4].numpy(), image.numpy(), 2))
    assert sorted(counts) == [0, 1, 2, 3]
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 16.3  # 0.1 % quantile, 3 degrees of freedom
    oblong = PatchRotate(2)(images, rng(map(str, range(1000))))
    counts = Counter(turn for image in oblong for [turn] in turns_of(images[0].numpy(), image.numpy(), 2))
    assert sorted(counts) == [0, 2]
    assert sum((count - 2000) ** 2 / 2000 for count in counts.values()) < 10.9  # 0.1 % quantile, 1 degree of freedom


def test_more_tiles_than_pixels_are_refused():
    with pytest.raises(DataError, match="patch-rotate: images of 8 x 6 pixels"):
        PatchRotate(7)(torch.rand(1, 3, 8, 6), rng("a"))
