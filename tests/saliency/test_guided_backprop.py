"""Guided backpropagation against Captum and the rule of the paper, however the network writes its ReLUs."""

from __future__ import annotations

import copy

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn import functional

from shapebias.errors import ShapebiasError
from shapebias.networks.classifier import Classifier
from shapebias.saliency.gradient import Gradient
from shapebias.saliency.guided_backprop import GuidedBackprop

SIGNED = GuidedBackprop(objective="logit", reduce="signed-sum")
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
mean, std = (torch.tensor(values, dtype=torch.float64).view(3, 1, 1) for values in (MEAN, STD))
HOW = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": functional.relu,
    "function in place": lambda features: functional.relu(features, inplace=True),
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": lambda features: features.relu(),
    "method in place": lambda features: features.relu_(),
    "maximum": nn.ReLU6(),
    "maximum in place": nn.ReLU6(inplace=True),
    "maximum function": functional.relu6,
}


class Residual(nn.Module):
    """ReLUs before a branch and after the sum, where a rule that sees only some of them would go wrong."""

    def __init__(self, relu):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)
        self.relu = relu

    def forward(self, images):
        features = self.relu(self.first(images))
        features = self.relu(self.second(features) + features)
        return self.head(features.mean(dim=(2, 3)))


@pytest.fixture
def network():
    return Residual(nn.ReLU()).double().eval().requires_grad_(requires_grad=False)


def written(network, relu):
    other = Residual(relu).double().eval()
    other.load_state_dict(network.state_dict())
    return other


def guided(module, batch):
    images, targets, _, _ = batch
    return SIGNED(Classifier(module, MEAN, STD, chunk=3), images, targets, None)


def test_agrees_with_captum():
    """Captum takes one module per ReLU, and changes the network: it gets a copy."""
    images, targets = torch.rand(5, 3, 9, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0])
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(160, 4)]
    network = nn.Sequential(*layers).double()
    normalised = Classifier(network, MEAN, STD)
    ours = SIGNED(normalised, images, targets, None)
    theirs = captum.attr.GuidedBackprop(copy.deepcopy(network)).attribute((images - mean) / std, target=targets)
    assert torch.allclose(ours, (theirs / std).sum(dim=1), rtol=1e-5, atol=1e-9)
    plain = Gradient(objective="logit", reduce="signed-sum")(normalised, images, targets, None)
    assert (ours - plain).abs().max() > 0.1 * plain.abs().max()


@pytest.mark.parametrize("how", HOW)
def test_relus_are_seen_however_they_are_written(network, batch, how):
    assert torch.allclose(guided(written(network, HOW[how]), batch), guided(network, batch), rtol=1e-5, atol=1e-12)


def test_follows_the_rule_of_the_paper(network, batch):
    """R below = R above where both the input of the ReLU and R above are positive."""
    images, targets, _, _ = batch
    first = network.first((images - mean) / std)
    second = network.second(first.clamp(min=0)) + first.clamp(min=0)
    above = (network.head.weight[targets] / second[0, 0].numel())[:, :, None, None].expand_as(second)
    middle = above * (second > 0) * (above > 0)
    branch = nn.grad.conv2d_input(second.shape, network.second.weight, middle, padding=1)
    below = (branch + middle) * (first > 0) * (branch + middle > 0)
    pixels = nn.grad.conv2d_input(images.shape, network.first.weight, below, padding=1) / std
    assert torch.allclose(guided(network, batch), pixels.sum(dim=1), rtol=1e-5, atol=1e-12)


def test_a_network_without_relus_is_refused(small, batch):
    images, targets, _, rng = batch
    with pytest.raises(ShapebiasError, match=r"guided-backprop .* Sequential has none; use another method"):
        GuidedBackprop()(small, images, targets, rng)


def test_outside_the_method_relus_are_as_before(network, batch):
    images, targets, _, _ = batch
    model = Classifier(network)
    before = Gradient()(model, images, targets, None)
    GuidedBackprop()(model, images, targets, None)
    assert torch.equal(Gradient()(model, images, targets, None), before)
