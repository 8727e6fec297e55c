"""APGD against closed forms, against algorithm 1 for one image in plain Python, and against the paper's numbers."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapebias_autoattack.apgd import Apgd, checkpoints
from shapebias_autoattack.losses import dlr, most_likely_others, targeted_dlr
from torch.nn import functional

from shapebias.plugin import LP_BALLS, ShapebiasError

NORMS = ("linf", "l2")


def test_checkpoints_are_the_paper_s():
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1000) == [0, 220, 410, 570, 700, 800, 870, 930, 990]
    assert checkpoints(1) == [0, 1]


scores_of_images = st.lists(st.floats(-20, 20), min_size=5, max_size=5, unique=True)


@settings(max_examples=50, deadline=None)
@given(scores_of_images, st.integers(0, 4), st.integers(1, 4), st.floats(0.5, 10), st.floats(-5, 5))
def test_ratios_follow_their_formulas_whatever_the_scale(values, label, offset, scale, shift):
    target = (label + offset) % 5
    first, _, third, fourth, _ = sorted(values, reverse=True)
    if first - third < 1e-3:
        return
    scores, pair = torch.tensor([values], dtype=torch.float64) * scale + shift, torch.tensor([[label, target]])
    wanted = -(values[label] - max(np.delete(values, label))) / (first - third)
    assert float(dlr(scores, pair[:, 0])) == pytest.approx(wanted, abs=1e-6)
    wanted = -(values[label] - values[target]) / (first - (third + fourth) / 2)
    assert float(targeted_dlr(scores, pair)) == pytest.approx(wanted, abs=1e-6)


def test_most_likely_others_are_at_most_all_other_classes():
    scores = torch.tensor([[0.0, 3.0, 2.0, 1.0]])
    assert most_likely_others(scores, torch.tensor([2]), count=9).tolist() == [[1, 3, 0]]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("objective", ["cross-entropy", "targeted-margin"])
def test_a_linear_model_falls_exactly_from_its_distance_on(linear, grey, rng, nearest, norm, objective):
    model = linear()
    labels, distances = model(grey).argmax(dim=1), nearest(model, grey, norm)
    for row in range(len(grey)):
        for share, falls in ((0.999, False), (1.001, True)):
            attack = Apgd(float(distances[row]) * share, norm, objective)
            found = attack(model, grey[[row]], labels[[row]], rng[row])
            assert (model(found).argmax(dim=1) != labels[row]).item() == falls


def algorithm_1(model, image, label, start, norm, eps, steps):
    """Return the points where algorithm 1 of the paper asks for the gradient, if the attack never succeeds."""

    def ask(point):
        pixels = point.clone().requires_grad_()
        with torch.enable_grad():
            loss = functional.cross_entropy(model(pixels), label)
            (gradient,) = torch.autograd.grad(loss, pixels)
        return loss.item(), gradient.sign() if norm == "linf" else gradient / gradient.norm()

    def project(point):
        way = point - image
        way = way.clamp(-eps, eps) if norm == "linf" else way * min(1, eps / float(way.norm()))
        return (image + way).clamp(0, 1)

    points, size = [start], 2 * eps
    loss, uphill = ask(start)
    best = (loss, start, uphill)
    before, halved, last = best[0], False, 0
    marks = checkpoints(steps)
    here, previous, rises = start, start, 0
    for k in range(1, steps + 1):
        ahead = project(here + size * uphill)
        following = ahead if k == 1 else project(here + 0.75 * (ahead - here) + 0.25 * (here - previous))
        previous, here = here, following
        points.append(here)
        new_loss, uphill = ask(here)
        rises += new_loss > loss
        loss = new_loss
        if loss > best[0]:
            best = (loss, here, uphill)
        if k in marks:
            halve = rises < 0.75 * (k - last) or (not halved and best[0] == before)
            if halve:
                size, previous = size / 2, here
                loss, here, uphill = best
            before, halved, last, rises = best[0], halve, k, 0
    return torch.cat(points), size


@pytest.mark.parametrize("norm", NORMS)
def test_every_point_is_algorithm_1_s(small, batch, rng, norm):
    images, labels = batch
    eps = {"linf": 0.002, "l2": 0.02}[norm]
    start = (images[:1] + eps * LP_BALLS[norm].uniform(rng[0], 0, images.shape[1:])).clamp(0, 1)
    wanted, size = algorithm_1(small, images[:1], labels[:1], start, norm, eps, steps=40)
    assert size < eps, "the test needs steps that are halved"
    seen = []
    hook = small.module.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].detach().clone()))
    Apgd(eps, norm, steps=40)(small, images[:1], labels[:1], rng[0])
    hook.remove()
    assert torch.allclose(torch.cat(seen[1:]), wanted, atol=1e-9)  # the first is the image


def test_only_what_stands_is_worked_on(small, batch, rng):
    images, labels = batch
    passes = []
    hook = small.module.register_forward_hook(lambda _module, _inputs, output: passes.append(len(output)))
    found = Apgd(0.02, steps=10)(small, images, labels, rng)
    hook.remove()
    standing = int((small(found).argmax(dim=1) == labels).sum())
    assert 0 < standing < 5
    assert sum(passes) < 6 + 5 * 11
    assert torch.equal(found[-1], images[-1])
    assert torch.equal(found[small(found).argmax(dim=1) == labels], images[small(found).argmax(dim=1) == labels])


@pytest.mark.parametrize(("objective", "classes"), [("dlr", 2), ("targeted-dlr", 3)])
def test_too_few_classes_are_refused(linear, grey, rng, objective, classes):
    model = linear(classes)
    attack = Apgd(objective=objective)
    with pytest.raises(
        ShapebiasError, match=rf"objective={objective} needs {classes + 1} classes, the data set has {classes}"
    ):
        attack(model, grey, model(grey).argmax(dim=1), rng)
    attrs.evolve(attack, objective="targeted-margin")(model, grey, model(grey).argmax(dim=1), rng)
