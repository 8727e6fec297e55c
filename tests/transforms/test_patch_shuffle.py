"""Patch shuffling against a loop over tiles, and the mistakes that it must not make."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.transforms.patch_shuffle import PatchShuffle


def rng(ids, seed=0):
    return ImageRandom.for_images(seed, "patch-shuffle", 0, list(ids))


def tiles(image: torch.Tensor, k: int) -> list[torch.Tensor]:
    """Cut (3, H, W) row by row."""
    height, width = image.shape[1] // k, image.shape[2] // k
    return [
        image[:, row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(k)
        for column in range(k)
    ]


shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 100))
def test_each_tile_is_moved_whole_to_the_place_that_the_permutation_says(shape, seed):
    count, k, height, width = shape
    images = torch.rand(count, 3, k * height, k * width)
    random = rng(map(str, range(count)), seed)
    shuffled = PatchShuffle(k)(images, random)
    order = random.permutation("tiles", 0, k * k)
    assert shuffled.shape == images.shape
    for before, after, positions in zip(images, shuffled, order.tolist(), strict=True):
        for tile, source in zip(tiles(after, k), positions, strict=True):
            assert torch.equal(tile, tiles(before, k)[source])


@settings(max_examples=30, deadline=None)
@given(shapes)
def test_it_is_a_permutation_of_tiles(shape):
    """Nothing transposed, dropped, doubled or mixed between images: independent of how the order is drawn."""
    count, k, height, width = shape
    images = torch.rand(count, 3, k * height, k * width)
    shuffled = PatchShuffle(k)(images, rng(map(str, range(count))))
    for before, after in zip(images, shuffled, strict=True):
        assert Counter(str(tile.tolist()) for tile in tiles(before, k)) == Counter(
            str(tile.tolist()) for tile in tiles(after, k)
        )


def test_one_tile_is_the_identity():
    images = torch.rand(2, 3, 7, 5)
    assert torch.equal(PatchShuffle(1)(images, rng("ab")), images)


def test_the_inverse_permutation_restores_the_image():
    k, images = 4, torch.rand(1, 3, 32, 32)
    shuffled = tiles(PatchShuffle(k)(images, rng("a"))[0], k)
    inverse = rng("a").permutation("tiles", 0, k * k)[0].argsort().tolist()
    rows = [torch.cat([shuffled[position] for position in inverse[row * k : row * k + k]], dim=2) for row in range(k)]
    assert torch.equal(torch.cat(rows, dim=1), images[0])


def test_all_permutations_are_equally_likely():
    """Chi-squared over the 24 permutations of 2 x 2 tiles: rows and columns shuffled apart would reach only 4."""
    labels = torch.arange(4.0).view(1, 1, 2, 2).expand(4800, 3, 2, 2)
    shuffled = PatchShuffle(2)(labels, rng(map(str, range(4800))))
    counts = Counter(map(tuple, shuffled[:, 0].flatten(1).int().tolist()))
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 49.7  # 0.1 % quantile, 23 degrees of freedom


def test_an_image_is_shuffled_the_same_alone_and_in_a_batch():
    images = torch.rand(5, 3, 8, 8)
    together = PatchShuffle(4)(images, rng("abcde"))
    for row, name in enumerate("abcde"):
        assert torch.equal(PatchShuffle(4)(images[[row]], rng(name))[0], together[row])


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(5, 13), st.integers(5, 13), st.integers(0, 50))
def test_a_grid_that_does_not_divide_moves_whole_tiles_among_those_of_their_size(k, height, width, seed):
    """Against a loop that cuts at floor(i side / k) and knows nothing of how tiles are gathered."""
    images = torch.rand(2, 3, height, width)
    shuffled = PatchShuffle(k)(images, rng("ab", seed))
    rows, columns = ([i * side // k for i in range(k + 1)] for side in (height, width))
    positions = [(rows[i], rows[i + 1], columns[j], columns[j + 1]) for i in range(k) for j in range(k)]
    for before, after in zip(images, shuffled, strict=True):
        cut = [
            [str(image[:, top:end, left:right].tolist()) for top, end, left, right in positions]
            for image in (before, after)
        ]
        assert Counter(cut[0]) == Counter(cut[1])


def test_uneven_tiles_do_change_places_and_all_orders_of_a_size_occur():
    """Sides of 5 cut in 2: tiles of 2 x 2, 2 x 3, 3 x 2 and 3 x 3, one of each size, so that nothing can move; cut in
    3: rows of 1, 2, 2, so that the four tiles of 2 x 2 have 24 orders."""
    images = torch.arange(25.0).view(1, 1, 5, 5).expand(2400, 3, 5, 5)
    assert torch.equal(PatchShuffle(2)(images, rng(map(str, range(2400)))), images)
    corners = PatchShuffle(3)(images, rng(map(str, range(2400))))[:, 0, 1::2, 1::2].flatten(1)
    counts = Counter(map(tuple, corners.int().tolist()))
    assert len(counts) == 24
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 49.7  # 0.1 % quantile, 23 degrees of freedom


def test_more_tiles_than_pixels_are_refused():
    with pytest.raises(DataError, match=r"images of 8 x 6 pixels .* 7 x 7 tiles; choose k up to 6"):
        PatchShuffle(7)(torch.rand(1, 3, 8, 6), rng("a"))
