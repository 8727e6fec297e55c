"""The gradient against Captum, finite differences and closed forms."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from shapebias.errors import ShapebiasError, SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import LabelMapping
from shapebias.saliency.gradient import Gradient
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build


def test_agrees_with_captum(small, batch):
    images, targets, _, _ = batch
    wanted = captum.attr.Saliency(small).attribute(images, target=targets, abs=True)
    assert torch.allclose(Gradient(objective="logit")(small, images, targets, None), wanted.sum(dim=1), rtol=1e-5)
    simonyan = Gradient(objective="logit", reduce="max")(small, images, targets, None)
    assert torch.allclose(simonyan, wanted.amax(dim=1), rtol=1e-5)


def test_agrees_with_finite_differences(small, batch):
    images, targets, _, _ = batch
    maps = Gradient(reduce="signed-sum")(small, images, targets, None)
    mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (small.mean, small.std))

    def loss(view):
        return functional.cross_entropy(small.module((view - mean) / std), targets, reduction="none")

    for row, column in ((0, 0), (3, 5), (5, 7)):
        nudge = torch.zeros_like(images)
        nudge[:, :, row, column] = 1e-5
        slope = (loss(images + nudge) - loss(images - nudge)) / 2e-5
        assert torch.allclose(maps[:, row, column], slope, rtol=1e-4, atol=1e-8)


def test_pixel_units_include_the_normalisation():
    """d logit / d pixel = weight / std."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    model = Classifier(network, std=(0.5, 0.25, 0.125))
    maps = Gradient(objective="logit", reduce="signed-sum")(model, torch.rand(1, 3, 2, 2), torch.tensor([1]), None)
    weight = network[1].weight[1].view(3, 2, 2) * torch.tensor([2.0, 4.0, 8.0]).view(3, 1, 1)
    assert torch.allclose(maps[0], weight.sum(dim=0))


@pytest.mark.parametrize("objective", ["cross-entropy", "logit", "log-prob", "margin"])
def test_shape_and_dependence_on_the_target(small, batch, objective):
    images, targets, _, _ = batch
    maps = Gradient(objective=objective)(small, images, targets, None)
    assert maps.shape == (5, 6, 8)
    assert (maps >= 0).all()
    signed = Gradient(objective=objective, reduce="signed-sum")  # the margins of the two best classes are opposite
    here, there = (signed(small, images, wanted, None) for wanted in (targets, (targets + 1) % 4))
    assert ((here - there).abs().amax(dim=(1, 2)) > 1e-6).all()


def test_an_image_has_the_same_map_alone_and_in_a_batch(small, batch):
    images, targets, _, _ = batch
    together = Gradient()(small, images, targets, None)
    for row in range(5):
        alone = Gradient()(small, images[[row]], targets[[row]], None)
        assert torch.allclose(alone[0], together[row], rtol=1e-6)


def test_logit_of_grouped_classes_is_refused(small, batch):
    images, _, _, _ = batch
    mapping = LabelMapping("pairs", "4 outputs", ("left", "right"), ((0, 1), (2, 3)))
    grouped = Classifier(small.module, mapping=mapping)
    with pytest.raises(ShapebiasError, match="objective=log-prob"):
        Gradient(objective="logit")(grouped, images, torch.zeros(5, dtype=torch.long), None)
    assert Gradient(objective="log-prob")(grouped, images, torch.zeros(5, dtype=torch.long), None).shape == (5, 6, 8)


def test_leaves_model_and_images_alone(small, batch):
    images, targets, _, _ = batch
    before, state = images.clone(), torch.random.get_rng_state()
    maps = Gradient()(small, images, targets, None)
    assert not maps.requires_grad
    assert torch.equal(images, before)
    assert not images.requires_grad
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in small.module.parameters())


def test_targets_are_the_label_the_prediction_or_an_index():
    targets = [build(Gradient, parse(f"gradient:target={target}")).target for target in ("label", "prediction", "7")]
    assert targets == ["label", "prediction", 7]
    with pytest.raises(SpellingError, match="one of label"):
        build(Gradient, parse("gradient:target=truth"))
