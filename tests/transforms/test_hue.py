"""Hue against torchvision and against Python's own HSV."""

from __future__ import annotations

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import adjust_hue

from shapebias.transforms.hue import Hue

colours = st.tuples(*[st.integers(0, 255).map(lambda level: level / 255)] * 3)


@given(colours, st.floats(-720, 720).filter(lambda number: number == 0 or abs(number) > 1e-9))
def test_h_of_hsv_is_turned_and_the_rest_stays(colour, degrees):
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    wanted = colorsys.hsv_to_rgb((hue + degrees / 360) % 1, saturation, value)
    turned = Hue(degrees)(torch.tensor(colour).view(1, 3, 1, 1), None).flatten().tolist()
    assert turned == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("degrees", [-180, -90, 0, 30, 180])
def test_angles_are_fractions_of_torchvision_s_turn(degrees):
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(Hue(degrees)(images, None), adjust_hue(images, degrees / 360), atol=1e-5)


def test_a_whole_turn_is_the_identity_and_greys_stay():
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(Hue(360)(images, None), images, atol=1e-5)
    grey = torch.rand(2, 1, 8, 8).expand(2, 3, 8, 8)
    assert torch.allclose(Hue(77)(grey, None), grey, atol=1e-6)
