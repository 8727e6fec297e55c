"""Balls against numpy and against the distributions that they must draw from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shapebias.attacks.norms import LP_BALLS
from shapebias.rng import ImageRandom

SHAPE = (3, 2, 2)
vectors = st.lists(st.floats(-10, 10), min_size=12, max_size=12).map(
    lambda values: torch.tensor(values, dtype=torch.float64).view(1, *SHAPE)
)
norms = st.sampled_from(["linf", "l2"])


def length(vector: torch.Tensor, norm: str) -> float:
    return float(np.linalg.norm(vector.flatten().numpy(), ord={"linf": np.inf, "l2": 2}[norm]))


@settings(max_examples=60, deadline=None)
@given(vectors, norms, st.floats(0, 20))
def test_projection_is_the_nearest_point(perturbation, norm, eps):
    projected = LP_BALLS[norm].project(perturbation, eps)
    assert length(projected, norm) <= eps * (1 + 1e-12)
    if length(perturbation, norm) <= eps:
        assert torch.equal(projected, perturbation)
    # Of a convex set the nearest point z of x is the one with (x - z)(y - z) <= 0 for every y in the set.
    for _ in range(5):
        inside = torch.randn_like(perturbation)
        inside *= eps * float(torch.rand(())) / length(inside, norm)
        assert ((perturbation - projected) * (inside - projected)).sum() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(vectors, norms)
def test_steepest_has_length_one_and_no_other_direction_rises_faster(gradient, norm):
    direction = LP_BALLS[norm].steepest_ascent(gradient)
    if not gradient.any():
        assert not direction.any()
        return
    assert length(direction, norm) == pytest.approx(1)
    dual = {"linf": 1, "l2": 2}[norm]  # by Hoelder the best is the dual norm
    assert float((gradient * direction).sum()) == pytest.approx(np.linalg.norm(gradient.flatten().numpy(), ord=dual))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e30])
def test_gradients_whose_squares_leave_the_range_of_float_still_have_a_direction(norm, size):
    gradient = torch.zeros(2, *SHAPE)
    gradient[0, 0, 0, 0] = size
    direction = LP_BALLS[norm].steepest_ascent(gradient)
    assert direction.isfinite().all()
    assert not direction[1].any()
    assert direction[0, 0, 0, 0] == pytest.approx(1, rel=1e-5) or size < 1e-38  # a subnormal number may be flushed


def test_random_points_of_the_l2_ball_are_uniform():
    rng = ImageRandom.for_images(0, "pgd", 0, list(map(str, range(4000))))
    points = LP_BALLS["l2"].uniform(rng, 0, SHAPE).flatten(1)
    radii = points.norm(dim=1)
    assert stats.kstest(radii**12, "uniform").pvalue > 0.001  # volume within r is r^12
    directions = points / radii[:, None]
    squares = directions[:, 0] ** 2  # of a uniform direction in 12 dimensions
    assert stats.kstest(squares, stats.beta(1 / 2, 11 / 2).cdf).pvalue > 0.001
    assert directions.mean(dim=0).abs().max() < 4 / np.sqrt(12 * 4000)


def test_random_points_of_the_linf_ball_are_uniform():
    rng = ImageRandom.for_images(0, "pgd", 0, list(map(str, range(1000))))
    points = LP_BALLS["linf"].uniform(rng, 0, SHAPE).flatten(1)
    assert stats.kstest(points.flatten(), stats.uniform(-1, 2).cdf).pvalue > 0.001
    assert np.abs(np.corrcoef(points.T.numpy()) - np.eye(12)).max() < 5 / np.sqrt(1000)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_restarts_begin_at_different_points(norm):
    rng = ImageRandom.for_images(0, "pgd", 0, ["a"])
    first, second = (LP_BALLS[norm].uniform(rng, index, SHAPE) for index in (0, 1))
    assert (first - second).abs().max() > 0.01
