"""Canny's detector against a plain one of scipy and loops, on pictures whose edges are known, and on photographs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from shapebias.transforms.edges import Edges


def canny(image: np.ndarray, sigma: float, flat: float) -> np.ndarray:
    """Find the edges of one (3, H, W) picture pixel by pixel."""
    luma = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    slopes = [ndimage.gaussian_filter(luma, sigma, order=order, mode="mirror") for order in ((1, 0), (0, 1))]
    length = np.hypot(*slopes) * sigma * np.sqrt(2 * np.pi)
    around = np.pad(length, 1)
    ridge = np.zeros(luma.shape, dtype=bool)
    for (y, x), own in np.ndenumerate(length):
        slope = np.array([slopes[0][y, x], slopes[1][y, x]])
        if np.abs(slope).max() == 0:
            continue
        step = slope / np.abs(slope).max()
        ahead, behind = (
            ndimage.map_coordinates(around, [[y + 1 + way * step[0]], [x + 1 + way * step[1]]], order=1)[0]
            for way in (1, -1)
        )
        ridge[y, x] = own > ahead + 1e-5 and own >= behind - 1e-5
    high = max(np.quantile(length, flat), 1 / 255)
    pieces, _ = ndimage.label(ridge & (length > 0.4 * high), structure=np.ones((3, 3)))
    return (pieces > 0) & np.isin(pieces, pieces[ridge & (length > high)])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.sampled_from([0.8, 1.4, 3]), st.sampled_from([0, 0.5, 0.7, 0.9]))
def test_the_edges_are_those_of_a_plain_loop(height, width, sigma, flat):
    images = torch.rand(2, 3, height, width, dtype=torch.float64)
    drawn = Edges(sigma, flat)(images, None)
    for image, lines in zip(images.numpy(), drawn.numpy(), strict=True):
        assert np.array_equal(lines[0] == 0, canny(image, sigma, flat))
        assert (lines == lines[:1]).all()


def test_photographs_have_the_same_edges_too(data_dir):
    path = min((data_dir / "cifar10-lossless").glob("ship/*.png"))
    image = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255
    drawn = Edges()(image[None].double(), None)[0, 0].numpy() == 0
    assert np.array_equal(drawn, canny(image.double().numpy(), 1.4, 0.7))
    assert (Edges()(image[None], None)[0, 0].numpy() == 0).mean() == pytest.approx(drawn.mean(), abs=0.01)


def test_the_outline_of_a_square_is_closed_and_one_pixel_wide():
    images = torch.full((1, 3, 32, 32), 0.2)
    images[..., 8:24, 8:24] = 0.8
    lines = Edges()(images, None)[0, 0] == 0
    assert lines.sum(dim=0)[12:20].tolist() == [2] * 8
    assert lines.sum(dim=1)[12:20].tolist() == [2] * 8
    _, regions = ndimage.label(~lines.numpy())  # by sides only, so lines that touch by corners separate
    assert regions == 2


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_a_straight_edge_is_a_thin_line_at_its_place_whatever_its_angle(angle):
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    radians = np.radians(angle)
    distance = (x - 23.3) * np.cos(radians) + (y - 24.1) * np.sin(radians)
    images = (distance + 0.5).clamp(0, 1).expand(1, 3, 48, 48)
    within = (slice(6, -6), slice(6, -6))  # the mirror image beyond the border bends the edge
    lines = (Edges()(images, None)[0, 0] == 0)[within]
    assert distance[within][lines].abs().max() < 0.8
    assert 36 <= lines.sum() < 2 * 36  # a diagonal goes from pixel to pixel by their sides


def test_steps_that_no_eight_bits_hold_are_no_edges():
    images = torch.full((1, 3, 16, 16), 0.5)
    images[..., 8:] += 0.5 / 255
    assert (Edges()(images, None) == 1).all()
    images[..., 8:] += 1.5 / 255
    assert (Edges()(images, None) == 0).any()


def test_light_lines_are_the_negative_of_dark_ones():
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(Edges(lines="light")(images, None), 1 - Edges()(images, None))
    assert set(Edges()(images, None).unique().tolist()) == {0, 1}


def test_a_weak_edge_counts_where_it_goes_on_from_a_strong_one():
    """A step fades along the column: hysteresis follows it below the threshold at which it would begin."""
    images = torch.full((1, 3, 64, 32), 0.5)
    images[..., 16:] += torch.linspace(0.4, 0, 64).view(1, 1, 64, 1)
    images += 0.1 * torch.rand(1, 3, 1, 32).cumsum(3) / 32
    lines = Edges(flat=0.95)(images, None)[0, 0] == 0
    followed = lines[:, 14:18].any(dim=1)
    assert followed[:30].all()
    assert not followed[-4:].any()


def test_the_drawings_are_about_as_dense_as_the_published_ones(data_dir):
    """Geirhos et al. 2019 drew objects on white: 2 % to 8 % of the pixels of their pictures are lines."""
    published = [np.asarray(Image.open(path).convert("L")) < 128 for path in (data_dir / "edges").glob("*/*.png")]
    assert np.mean([picture.mean() for picture in published]) == pytest.approx(0.05, abs=0.01)
    files = sorted((data_dir / "silhouettes").glob("*/*.png"))[::16]
    shapes = torch.stack([torch.from_numpy(np.array(Image.open(file).convert("RGB"))) for file in files])
    drawn = Edges()(shapes.permute(0, 3, 1, 2) / 255, None)
    assert 0.005 < (drawn == 0).double().mean() < 0.05  # outlines alone
