"""Input times gradient against Captum and a linear network."""

from __future__ import annotations

import captum.attr
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.saliency.input_x_gradient import InputXGradient


def test_agrees_with_captum(small, batch):
    images, targets, _, _ = batch
    wanted = captum.attr.InputXGradient(small).attribute(images, target=targets)
    for reduce, channels in (
        ("signed-sum", wanted.sum(1)),
        ("abs-sum", wanted.abs().sum(1)),
        ("max", wanted.abs().amax(1)),
    ):
        maps = InputXGradient(objective="logit", reduce=reduce)(small, images, targets, None)
        assert torch.allclose(maps, channels, rtol=1e-5, atol=1e-8)


def test_of_a_linear_network_the_parts_add_up_to_what_black_takes_away():
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(60, 4)).double())
    images, targets = torch.rand(3, 3, 4, 5, dtype=torch.float64), torch.tensor([0, 3, 1])
    maps = InputXGradient(objective="logit", reduce="signed-sum")(model, images, targets, None)
    wanted = (model(images) - model(torch.zeros_like(images))).gather(1, targets[:, None])
    assert torch.allclose(maps.sum(dim=(1, 2)), wanted.squeeze(1).double(), atol=1e-5)


def test_what_is_black_gets_nothing(small, batch):
    images, targets, _, _ = batch
    images[:, :, 2:4] = 0
    maps = InputXGradient()(small, images, targets, None)
    assert not maps[:, 2:4].any()
    assert (maps[:, 4:] > 0).all()
