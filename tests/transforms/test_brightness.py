"""Brightness against Python's own HSV, pixel by pixel."""

from __future__ import annotations

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shapebias.transforms.brightness import Brightness

colours = st.tuples(*[st.integers(0, 255).map(lambda level: level / 255)] * 3)
shifts = st.floats(-1, 1).filter(lambda number: number == 0 or abs(number) > 1e-9)


def pixel(colour):
    return torch.tensor(colour).view(1, 3, 1, 1)


@given(colours, shifts)
def test_v_of_hsv_is_shifted_and_the_rest_stays(colour, shift):
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    wanted = colorsys.hsv_to_rgb(hue, saturation, min(max(value + shift, 0), 1))
    assert Brightness(shift)(pixel(colour), None).flatten().tolist() == pytest.approx(wanted, abs=1e-5)


@given(colours)
def test_no_shift_is_the_identity_and_whole_shifts_are_the_ends(colour):
    image = pixel(colour)
    assert torch.allclose(Brightness(0)(image, None), image, atol=1e-6)
    assert Brightness(1)(image, None).max() == pytest.approx(1)
    assert torch.equal(Brightness(-1)(image, None), torch.zeros_like(image))
