"""Shares of saliency: exact geometry, a loop over pixels, and maps that are what they are by construction."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.metrics._regions import REGIONS, regions, shares
from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.saliency_share import SaliencyShare
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults

BACKGROUND, INSIDE, CONTOUR = range(3)


def discs(n=6, side=48, radius=14):
    rows, columns = np.mgrid[:side, :side]
    middle = np.linspace(18, 30, n)[:, None, None]
    return (rows - middle) ** 2 + (columns - 24) ** 2 < radius**2


def by_region(results):
    return SaliencyShare()(results).set_index("region")


def test_the_contour_of_a_half_plane_is_a_band_of_the_stated_width():
    mask = np.zeros((1, 32, 32), dtype=bool)
    mask[:, :, 16:] = True
    band = (regions(mask, width=3 / 32)[0] == CONTOUR).all(axis=0)
    assert np.flatnonzero(band).tolist() == [13, 14, 15, 16, 17, 18]


def test_the_areas_of_a_disc_are_those_of_geometry():
    side, radius, width = 200, 60, 8
    rows, columns = np.mgrid[:side, :side] + 0.5
    mask = ((rows - 100) ** 2 + (columns - 100) ** 2 < radius**2)[None]
    cut = regions(mask, width / side)
    area = shares(np.ones(cut.shape), cut)[0] * side**2
    assert area[INSIDE] == pytest.approx(math.pi * (radius - width) ** 2, rel=0.02)
    assert area[CONTOUR] == pytest.approx(math.pi * ((radius + width) ** 2 - (radius - width) ** 2), rel=0.04)
    assert area.sum() == pytest.approx(side**2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_shares_are_those_of_a_loop_over_pixels(seed):
    rng = np.random.default_rng(seed)
    mask, maps = rng.random((2, 6, 7)) < 0.6, rng.normal(size=(2, 6, 7))
    cut = regions(mask, width=1.2 / 6)
    sums = np.zeros((2, 3))
    for image, row, column in np.ndindex(2, 6, 7):
        here = mask[image, row, column]
        across = [
            math.hypot(row - other, column - another)
            for other, another in np.ndindex(6, 7)
            if mask[image, other, another] != here
        ]
        region = "contour" if min(across) - 0.5 <= 1.2 + 1e-9 else "inside" if here else "background"
        sums[image, REGIONS.index(region)] += abs(maps[image, row, column])
    np.testing.assert_allclose(shares(maps, cut), sums / sums.sum(axis=1, keepdims=True))


def test_a_map_of_the_contour_and_one_of_the_inside_are_told_apart():
    masks = discs()
    cut = regions(masks, 1 / 32)
    for position, region in enumerate(REGIONS):
        table = by_region(InMemoryResults(maps=[InMemoryMaps((cut == position) * 0.3, masks=masks)]))
        assert table["value"].to_dict() == {name: float(name == region) for name in REGIONS}
        assert table["n"].tolist() == [6, 6, 6]


def test_a_map_that_is_equal_everywhere_has_the_area_as_its_share():
    masks = discs()
    table = SaliencyShare()(InMemoryResults(maps=[InMemoryMaps(np.full(masks.shape, 0.2), masks=masks)]))
    assert tuple(table.columns) == (*COLUMNS, "saliency", "region", "area")
    np.testing.assert_allclose(table["value"], table["area"])
    assert table["area"].sum() == pytest.approx(1)


def test_the_sign_of_a_map_does_not_matter_and_an_empty_map_does_not_count():
    masks = discs()
    maps = np.random.default_rng(0).normal(size=masks.shape)
    one, other = (by_region(InMemoryResults(maps=[InMemoryMaps(each, masks=masks)])) for each in (maps, -maps))
    pd.testing.assert_frame_equal(one, other)
    maps[0] = 0
    assert by_region(InMemoryResults(maps=[InMemoryMaps(maps, masks=masks)]))["n"].tolist() == [5, 5, 5]


def test_images_without_masks_and_conditions_that_move_pixels_have_no_rows():
    masks = discs()
    maps = np.ones(masks.shape)
    moved = InMemoryMaps(maps, masks=masks, condition="patch-shuffle", moves_pixels=True)
    table = SaliencyShare()(InMemoryResults(maps=[InMemoryMaps(maps), moved]))
    assert table.empty
    assert "masks" in table.attrs["note"]


def test_cells_of_other_images_have_their_own_masks():
    masks = discs()
    inside = InMemoryMaps(masks * 1.0, masks=masks)
    outside = attrs.evolve(inside, masks=~masks, dataset="others")
    table = SaliencyShare()(InMemoryResults(maps=[inside, outside, inside]))
    values = table[table["region"] == "background"]["value"]
    assert values.iloc[0] == values.iloc[2] == 0 < values.iloc[1]


def test_the_order_of_the_images_does_not_matter():
    masks = discs()
    maps = np.random.default_rng(0).random(masks.shape)
    results = InMemoryResults(maps=[InMemoryMaps(maps, masks=masks)])
    pd.testing.assert_frame_equal(SaliencyShare()(results), SaliencyShare()(results.shuffled(1)))
