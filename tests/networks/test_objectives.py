"""Objectives against numpy, and pixel gradients whatever the chunk."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import LabelMapping
from shapebias.networks.objectives import OBJECTIVES, objective_values, pixel_gradient, reduce_channels

MODEL = Classifier(nn.Identity())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-20, 20), min_size=5, max_size=5), st.integers(0, 4))
def test_objectives_follow_their_formulas(values, target):
    scores = np.array(values)
    log_prob = scores[target] - scores.max() - np.log(np.exp(scores - scores.max()).sum())
    wanted = {
        "cross-entropy": -log_prob,
        "log-prob": log_prob,
        "logit": scores[target],
        "margin": scores[target] - np.delete(scores, target).max(),
    }
    assert wanted.keys() == OBJECTIVES.keys()
    for objective, value in wanted.items():
        (found,) = objective_values(MODEL, torch.tensor(scores)[None], torch.tensor([target]), objective)
        assert float(found) == pytest.approx(value, abs=1e-9)


def test_the_margin_is_positive_exactly_where_the_target_is_predicted():
    scores, targets = torch.randn(50, 4), torch.randint(4, (50,))
    margin = objective_values(MODEL, scores, targets, "margin")
    assert torch.equal(margin > 0, scores.argmax(dim=1) == targets)


def test_logit_of_grouped_classes_is_refused():
    mapping = LabelMapping("pairs", "4 outputs", ("left", "right"), ((0, 1), (2, 3)))
    model = attrs.evolve(MODEL, mapping=mapping)
    with pytest.raises(ShapebiasError, match="use objective=log-prob"):
        objective_values(model, torch.zeros(1, 2), torch.tensor([0]), "logit")


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 5)).double().eval()


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_pixel_gradients_are_those_of_each_image_alone(objective):
    model = Classifier(network(), chunk=3)
    images, targets = torch.rand(7, 3, 6, 6, dtype=torch.float64), torch.randint(5, (7,))
    gradient, scores = pixel_gradient(model, images, targets, objective)
    assert torch.equal(scores, torch.cat([model(chunk) for chunk in images.split(3)]).detach())
    for row in range(7):
        pixels = images[[row]].requires_grad_()
        objective_values(model, model(pixels), targets[[row]], objective).sum().backward()
        assert torch.allclose(pixels.grad[0], gradient[row], rtol=1e-6, atol=1e-9)


def test_a_function_of_one_s_own_is_differentiated_with_the_classes_of_its_image():
    model = Classifier(network(), chunk=3)
    images, pairs = torch.rand(7, 3, 6, 6, dtype=torch.float64), torch.randint(5, (7, 2))

    def difference(scores, pairs):
        return scores.gather(1, pairs).diff()[:, 0]

    gradient, _scores = pixel_gradient(model, images, pairs, difference)
    first, second = (pixel_gradient(model, images, classes, "logit")[0] for classes in pairs.unbind(1))
    assert torch.allclose(gradient, second - first, atol=1e-9)


def test_no_pass_is_larger_than_the_chunk_and_nothing_stays_behind():
    module, sizes = network(), []
    module[0].register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    images = torch.rand(7, 3, 6, 6, dtype=torch.float64)
    gradient, scores = pixel_gradient(Classifier(module, chunk=3), images, torch.zeros(7, dtype=torch.long))
    assert sizes == [3, 3, 1]
    assert not gradient.requires_grad
    assert not scores.requires_grad
    assert not images.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())


def test_gradients_are_taken_even_where_they_are_switched_off():
    model = Classifier(network())
    images = torch.rand(1, 3, 6, 6, dtype=torch.float64)
    with torch.no_grad():
        gradient, _ = pixel_gradient(model, images, torch.tensor([0]))
        assert not torch.is_grad_enabled()
    assert gradient.abs().max() > 0


def test_reductions_over_the_channels():
    attributions = torch.tensor([1.0, -4.0, 2.0]).view(1, 3, 1, 1).expand(2, 3, 4, 5)
    for reduction, value in (("abs-sum", 7), ("max", 4), ("signed-sum", -1)):
        assert torch.equal(reduce_channels(attributions, reduction), torch.full((2, 4, 5), float(value)))
