"""FAB's projection against a search by halving and a general solver, and FAB against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.hyperplane import to_hyperplane
from torch import nn

from shapebias.plugin import Classifier

NORMS = ("linf", "l2")
ORDERS = {"linf": float("inf"), "l2": 2}

numbers = st.floats(-1, 1).map(lambda number: round(number, 3))
points = st.lists(st.floats(0, 1).map(lambda number: round(number, 3)), min_size=5, max_size=5)
normals = st.lists(numbers, min_size=5, max_size=5)


def tensors(*lists):
    return (torch.tensor([each], dtype=torch.float64) for each in lists)


def halving(point, normal, height, norm):
    """Search for the time at which pixels that go down the normal, and stop at the range's ends, meet the plane."""

    def moved(time):
        speed = np.sign(normal) if norm == "linf" else normal
        return np.clip(point - np.sign(height) * time * speed, 0, 1) - point

    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        short = (height + normal @ moved(middle)) * np.sign(height) > 0
        low, high = (middle, high) if short else (low, middle)
    return moved(high)


@settings(max_examples=200, deadline=None)
@given(points, normals, numbers, st.sampled_from(NORMS))
def test_projection_is_what_halving_finds(point, normal, height, norm):
    found = to_hyperplane(*tensors(point, normal), torch.tensor([height], dtype=torch.float64), norm)[0]
    wanted = halving(np.array(point), np.array(normal), height, norm)
    assert np.linalg.norm(found, ORDERS[norm]) == pytest.approx(np.linalg.norm(wanted, ORDERS[norm]), abs=1e-6)
    assert normal @ found.numpy() == pytest.approx(normal @ wanted, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(points, normals, numbers)
def test_no_linear_program_finds_a_smaller_one(point, normal, height):
    found = to_hyperplane(*tensors(point, normal), torch.tensor([height], dtype=torch.float64), "linf")[0]
    sides = [[*row, -1.0] for row in np.vstack([np.eye(5), -np.eye(5)])]
    bounds = [(-value, 1 - value) for value in point] + [(0, None)]
    solved = optimize.linprog(
        [0.0] * 5 + [1.0], A_ub=sides, b_ub=[0.0] * 10, A_eq=[[*normal, 0.0]], b_eq=[-height], bounds=bounds
    )
    if solved.success:
        assert float(found.abs().max()) == pytest.approx(solved.fun, abs=1e-6)
    else:  # the plane misses the box, so that every pixel counts and stops at its end
        ends = np.where(np.array(normal) * height > 0, 0.0, 1.0)
        counts = np.array(normal) != 0
        assert np.allclose((np.array(point) + found.numpy())[counts], ends[counts], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(points, normals, numbers)
def test_no_quadratic_program_finds_a_smaller_one(point, normal, height):
    found = to_hyperplane(*tensors(point, normal), torch.tensor([height], dtype=torch.float64), "l2")[0].numpy()
    if abs(height + normal @ found) > 1e-9 or np.linalg.norm(normal) < 0.1:
        return
    solved = optimize.minimize(
        lambda step: step @ step,
        np.zeros(5),
        jac=lambda step: 2 * step,
        bounds=[(-value, 1 - value) for value in point],
        constraints={"type": "eq", "fun": lambda step: height + step @ normal, "jac": lambda _step: np.array(normal)},
    )
    if solved.success:
        assert found @ found <= solved.fun + 1e-6


def test_a_flat_place_has_no_plane_to_go_to():
    points_, nothing = torch.rand(3, 3, 2, 2), torch.zeros(3, 3, 2, 2)
    for norm in NORMS:
        assert torch.equal(to_hyperplane(points_, nothing, torch.tensor([-1.0, 0.0, 1.0]), norm), nothing)


@pytest.mark.parametrize("norm", NORMS)
def test_the_nearest_adversarial_image_of_a_linear_model_is_found(linear, grey, rng, nearest, norm):
    model = linear()
    found = Fab(1 if norm == "linf" else 8, norm, steps=20)(model, grey, model(grey).argmax(dim=1), rng)
    distances = torch.linalg.vector_norm((found - grey).flatten(1), ord=ORDERS[norm], dim=1)
    assert (model(found).argmax(dim=1) != model(grey).argmax(dim=1)).all()
    truth = nearest(model, grey, norm)
    assert (distances >= truth * (1 - 1e-5)).all()
    assert (distances <= truth * 1.01).all()


@pytest.mark.parametrize("norm", NORMS)
def test_the_range_of_pixels_is_part_of_the_problem(linear, rng, norm):
    """Half of the pixels are at an end already, so that the others have to go farther."""
    model = linear()
    images = torch.rand(6, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    images = torch.where(images < 0.25, 0, torch.where(images > 0.75, 1, images))
    normal = (model.module[1].weight[1] - model.module[1].weight[0]).numpy()
    labels = model(images).argmax(dim=1)
    found = Fab(1 if norm == "linf" else 8, norm, steps=30)(model, images, labels, rng)
    assert (model(found).argmax(dim=1) != labels).all()
    for image, attacked in zip(images, found, strict=True):
        height = float(model.module(image[None])[0].diff())
        truth = np.linalg.norm(halving(image.flatten().numpy(), normal, height, norm), ORDERS[norm])
        distance = np.linalg.norm((attacked - image).flatten().numpy(), ORDERS[norm])
        assert truth * (1 - 1e-5) <= distance <= truth * 1.01


def test_several_radii_are_one_search(small, batch, rng):
    images, labels = batch
    counts = []
    hook = small.module.register_forward_hook(lambda _module, _inputs, output: counts.append(len(output)))
    nearest_ones = Fab(1, steps=10)(small, images, labels, rng)
    alone = sum(counts)
    distances = (nearest_ones - images).abs().amax(dim=(1, 2, 3))
    middle = float(distances[:-1].median())
    levels = Fab((middle / 2, middle, 1), steps=10)(small, images, labels, rng)
    hook.remove()
    assert sum(counts) - alone <= alone + 3 * len(images)
    for eps, level in zip((middle / 2, middle, 1), levels, strict=True):
        near = (distances <= eps).view(-1, 1, 1, 1)
        assert torch.equal(level, torch.where(near, nearest_ones, images))


def test_all_targets_are_tried(linear, rng):
    """The second class is the best other one, and its boundary is 0.4 away; that of the third is 0.1 away."""
    model = linear(3)
    network = model.module[1]
    network.weight.zero_()
    network.weight[[1, 2], [0, 1]] = torch.tensor([1.0, 10.0], dtype=torch.float64)
    network.bias.copy_(torch.tensor([1.0, 0.6, 0.0]) - network.weight.sum(dim=1) / 2)
    grey = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
    for targets, truth in ((1, 0.4), (2, 0.1)):
        found = Fab(1, "l2", steps=20, targets=targets)(model, grey, torch.tensor([0]), rng[0])
        assert float((found - grey).norm()) == pytest.approx(truth, rel=0.01)


def test_a_restart_leaves_a_plateau(linear, rng):
    """Around grey nothing changes the scores, so that there is no gradient to follow but from somewhere else."""
    network = nn.Sequential(nn.Softshrink(0.01), *linear().module)
    model = Classifier(network, mean=(0.5,) * 3, std=(1.0,) * 3)
    grey = torch.full((6, 3, 8, 8), 0.5, dtype=torch.float64)
    labels = model(grey).argmax(dim=1)
    once, often = (Fab(0.2, steps=20, restarts=restarts)(model, grey, labels, rng) for restarts in (1, 2))
    assert torch.equal(once, grey)
    assert (model(often).argmax(dim=1) != labels).all()
