"""Contrast against the formula and, about another grey, torchvision."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.functional import adjust_contrast

from shapebias.transforms.contrast import Contrast

pixels = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20)
contrasts = st.just(0.0) | st.floats(1e-9, 3)


@given(pixels, contrasts)
def test_every_value_follows_the_formula(values, c):
    wanted = [min(max(c * value + (1 - c) / 2, 0), 1) for value in values]
    assert Contrast(c)(torch.tensor(values), None).tolist() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("c", [0, 0.3, 1, 2])
def test_images_with_the_mean_of_middle_grey_are_as_torchvision_makes_them(c):
    image = torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    image = torch.cat([image, 1 - image], dim=3)
    assert torch.allclose(
        Contrast(c)(image, None), adjust_contrast(image, c), atol=1e-3
    )  # its luma drops 0.0001 of red


def test_float64_images_are_not_rounded_to_float32():
    changed = Contrast(0.3)(torch.tensor([0.1], dtype=torch.float64), None)
    assert abs(changed.item() - (0.3 * 0.1 + 0.35)) < 1e-15


@given(contrasts)
def test_black_and_white_stay_in_range(c):
    changed = Contrast(c)(torch.tensor([0.0, 1.0]), None)
    assert changed.min() >= 0
    assert changed.max() <= 1


@given(pixels, st.just(0.0) | st.floats(1e-9, 1), st.just(0.0) | st.floats(1e-9, 1))
def test_contrasts_multiply(values, c, d):
    image = torch.tensor(values, dtype=torch.float64)
    twice, once = Contrast(c)(Contrast(d)(image, None), None), Contrast(c * d)(image, None)
    assert torch.allclose(twice, once, rtol=0, atol=1e-12)
