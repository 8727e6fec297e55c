"""The spectrum of a gradient that is known: a linear model's weights are a wave."""

from __future__ import annotations

import math

import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.probes.gradient_spectrum import GradientSpectrum


def test_a_linear_model_whose_weights_are_a_wave_has_all_power_at_its_frequency():
    wave = torch.cos(torch.arange(16) * 2 * math.pi * 5 / 16).expand(3, 16, 16)
    layer = nn.Linear(3 * 256, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([wave.flatten(), -wave.flatten()]) / 100)
    model = Classifier(nn.Sequential(nn.Flatten(), layer), chunk=2)
    images, targets = torch.rand(5, 3, 16, 16), torch.tensor([0, 1, 0, 1, 0])
    power = GradientSpectrum()(model, images, targets, None, None)["power"]
    torch.testing.assert_close(power[:, 5], torch.ones(5))
    torch.testing.assert_close(power.sum(dim=1), torch.ones(5))
    assert not power.requires_grad


def test_a_model_that_looks_at_nothing_has_no_power():
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)))
    with torch.no_grad():
        model.module[1].weight.zero_()
    power = GradientSpectrum()(model, torch.rand(2, 3, 8, 8), torch.tensor([0, 1]), None, None)["power"]
    assert (power == 0).all()
