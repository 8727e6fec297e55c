"""Insertion and deletion against a loop over single pixels, and on a linear model whose best curve is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.special import expit
from torch import nn

from shapebias.errors import SpellingError
from shapebias.networks.baselines import blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import LabelMapping
from shapebias.probes.deletion import Deletion
from shapebias.probes.insertion import Insertion

PROBES = [Insertion, Deletion]
BASELINES = ["blur", "mean", "zero"]


class Watched(nn.Module):
    """A small network that remembers the batches it saw."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
        self.seen = []

    def forward(self, images):
        self.seen.append(images)
        return 3 * self.layers(images)


def classifier(chunk=16, **settings):
    # Mean 0 and standard deviation 1: the network sees the pixels themselves.
    return Classifier(Watched(), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), chunk=chunk, **settings)


def batch(n=3, height=7, width=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 3, height, width, generator=generator)
    maps = torch.rand(n, height, width, generator=generator)
    return images, torch.arange(n) % 5, maps


def curve_in_a_loop(model, start, end, target, saliency, steps):
    """Change single pixels of one image, in the order of (-saliency, place)."""
    height, width = saliency.shape
    positions = [(row, column) for row in range(height) for column in range(width)]
    positions.sort(key=lambda position: -saliency[position].item())  # Python's sort is stable
    picture, changed, curve = start.clone(), 0, []
    for step in range(steps + 1):
        while changed < step * height * width // steps:
            picture[:, *positions[changed]] = end[:, *positions[changed]]
            changed += 1
        curve.append(model(picture[None]).softmax(dim=1)[0, target].item())
    shares = [step * height * width // steps / (height * width) for step in range(steps + 1)]
    area = sum((shares[step + 1] - shares[step]) * (curve[step] + curve[step + 1]) / 2 for step in range(steps))
    return curve, area


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("steps", [1, 7, 20, 100])
def test_curves_are_those_of_a_loop_over_pixels(probe, baseline, steps):
    model = classifier()
    images, targets, maps = batch()
    maps = (maps * 8).round()  # with ties
    measured = probe(steps, baseline)(model, images, targets, maps, rng=None)
    empty = blank(model, images, baseline)
    for image in range(3):
        ends = (empty[image], images[image]) if probe is Insertion else (images[image], empty[image])
        curve, area = curve_in_a_loop(model, *ends, targets[image], maps[image], steps)
        assert measured["curve"][image].tolist() == pytest.approx(curve, abs=1e-6)
        assert measured["auc"][image].item() == pytest.approx(area, abs=1e-6)


@pytest.mark.parametrize("probe", PROBES)
def test_a_curve_goes_from_one_picture_to_the_other_and_never_takes_a_pixel_back(probe):
    model = classifier(chunk=1)
    images, targets, maps = batch(n=1)
    model(images)
    model.module.seen.clear()
    curve = probe(10, "zero")(model, images, targets, maps, rng=None)["curve"]
    pictures = torch.cat(model.module.seen)
    first, last = (0 * images, images) if probe is Insertion else (images, 0 * images)
    assert torch.equal(pictures[:1], first)
    assert torch.equal(pictures[-1:], last)
    ends = model(torch.cat([first, last])).softmax(dim=1)[:, targets[0]]
    torch.testing.assert_close(curve[0, [0, -1]], ends, rtol=0, atol=1e-6)
    changed = (pictures != first).any(dim=1)
    assert (changed[1:] >= changed[:-1]).all()
    assert changed.flatten(1).sum(dim=1).tolist() == [step * 63 // 10 for step in range(11)]


@pytest.mark.parametrize("probe", PROBES)
def test_ties_go_in_row_major_order(probe):
    model = classifier()
    images, targets, maps = batch(n=2)
    falling = -torch.arange(63.0).view(1, 7, 9).expand_as(maps)
    tied, ordered = (probe()(model, images, targets, each, rng=None) for each in (torch.zeros_like(maps), falling))
    assert torch.equal(tied["curve"], ordered["curve"])


@pytest.mark.parametrize("probe", PROBES)
def test_the_chunk_bounds_the_batch_and_changes_no_number(probe):
    images, targets, maps = batch(n=5)
    reference = probe()(classifier(chunk=1000), images, targets, maps, rng=None)
    model = classifier(chunk=4)
    chunked = probe()(model, images, targets, maps, rng=None)
    assert [len(seen) for seen in model.module.seen] == [4] * 26 + [1]
    for name in ("curve", "auc"):
        torch.testing.assert_close(chunked[name], reference[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("probe", PROBES)
def test_shapes_and_no_gradient(probe):
    measured = probe(steps=6)(classifier(), *batch(n=4), rng=None)
    assert {name: tuple(values.shape) for name, values in measured.items()} == {"curve": (4, 7), "auc": (4,)}
    assert not any(values.requires_grad for values in measured.values())


def test_the_probability_is_that_of_the_mapped_classes():
    groups = ((0, 1), (2,))
    model = classifier(mapping=LabelMapping("file:x", "5 unnamed outputs", ("a", "b"), groups))
    images, _, maps = batch(n=1)
    last = Insertion()(model, images, torch.tensor([0]), maps, rng=None)["curve"][0, -1].item()
    probabilities = model.logits(images).softmax(dim=1)[0]
    a, b = probabilities[:2].mean().item(), probabilities[2].item()
    assert last == pytest.approx(a / (a + b), abs=1e-6)


# A model that adds up the pixels: the best order of pixels is that of their contributions.


def linear(weights):
    layer = nn.Linear(weights.numel(), 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([weights.flatten(), torch.zeros(weights.numel())]))
    return Classifier(nn.Sequential(nn.Flatten(), layer), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_true_map_of_a_linear_model_has_the_best_area_of_all(seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(3, 6, 6, generator=generator)
    images, targets, random_maps = batch(n=2, height=6, width=6, seed=seed)
    targets = torch.zeros_like(targets)
    model = linear(weights)
    true_maps = (weights * images).sum(dim=1)

    for sign, probe in ((1, Insertion), (-1, Deletion)):
        best = probe(36, "zero")(model, images, targets, true_maps, rng=None)
        contributions = np.sort(true_maps.flatten(1).numpy().astype(np.float64))[:, ::-1]
        moved = np.pad(np.cumsum(contributions, axis=1), ((0, 0), (1, 0)))
        logit = moved if probe is Insertion else contributions.sum(axis=1, keepdims=True) - moved
        np.testing.assert_allclose(best["curve"].numpy(), expit(logit), atol=1e-5)
        np.testing.assert_allclose(best["auc"].numpy(), trapezoid(expit(logit), dx=1 / 36), atol=1e-5)
        for other in (random_maps, -true_maps):
            worse = probe(36, "zero")(model, images, targets, other, rng=None)["auc"]
            assert (sign * (best["auc"] - worse) > 0).all()


@pytest.mark.parametrize("probe", PROBES)
def test_settings_are_checked(probe):
    with pytest.raises(SpellingError, match="steps: must be >= 1, got 0"):
        probe(steps=0)
    with pytest.raises(SpellingError, match=r"baseline: must be one of blur\|mean\|zero, got 'noise'"):
        probe(baseline="noise")
