"""Saturation against its formula, value by value in plain Python, and its limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import SpellingError
from shapebias.transforms.saturate import Saturate

pixels = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30).map(lambda values: torch.tensor([values]))
strengths = st.floats(0.5, 2000)


def saturated(value: float, p: float) -> float:
    """The formula of Ding et al. 2019, section 4."""
    signed = 2 * value - 1
    return min(max(math.copysign(abs(signed) ** (2 / p), signed) / 2 + 0.5, 0), 1) if signed else 0.5


@settings(max_examples=50, deadline=None)
@given(pixels, strengths)
def test_every_value_follows_the_formula(images, p):
    wanted = [saturated(value, p) for value in images.flatten().tolist()]
    assert Saturate(p)(images, None).flatten().tolist() == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=50, deadline=None)
@given(pixels, strengths)
def test_stays_in_range_and_keeps_the_order_of_values(images, p):
    ordered = images.sort().values
    result = Saturate(p)(ordered, None)
    assert result.min() >= 0
    assert result.max() <= 1
    assert (result.diff() >= 0).all()


@given(pixels)
def test_two_is_the_identity(images):
    assert torch.allclose(Saturate(2)(images, None), images, atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.5, 8), st.floats(0.5, 8))
def test_saturating_twice_multiplies_the_exponents(value, p, q):
    images = torch.tensor([value], dtype=torch.float64)
    twice = Saturate(q)(Saturate(p)(images, None), None)
    assert torch.allclose(twice, Saturate(p * q / 2)(images, None), atol=1e-9)


def test_a_large_p_makes_the_image_binary():
    images = torch.linspace(0, 1, 100).view(1, 1, 10, 10)
    assert torch.allclose(Saturate(1e6)(images, None), images.round(), atol=1e-4)


def test_middle_grey_black_and_white_never_move():
    fixed = torch.tensor([0.0, 0.5, 1.0])
    for p in (0.5, 1, 8, 1024):
        assert torch.equal(Saturate(p)(fixed, None), fixed)


def test_the_input_is_left_alone():
    images = torch.rand(2, 3, 4, 4)
    before = images.clone()
    Saturate(8)(images, None)
    assert torch.equal(images, before)


def test_p_must_be_positive():
    with pytest.raises(SpellingError, match="must be > 0, got 0"):
        Saturate(0)


@pytest.mark.parametrize(
    ("network", "weights", "wanted"),
    [
        ("cifar-resnet20", "resnet20_standard", [279, 210, 98]),
        ("cifar-resnet2b2", "resnet2b2_sadv8", [236, 197, 161]),
    ],
)
def test_answers_of_published_networks(cifar, network, weights, wanted):
    """Clean, p = 8 and p = 1024: correct of 300, computed independently of this project."""
    model = cifar.load(network, weights)
    views = [cifar.images, *(Saturate(p)(cifar.images, None) for p in (8, 1024))]
    with torch.no_grad():
        assert [int((model(view).argmax(dim=1) == cifar.labels).sum()) for view in views] == wanted
