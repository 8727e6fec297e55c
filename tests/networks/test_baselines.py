"""Values of absent pixels, against their definitions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from shapebias.networks.baselines import blank
from shapebias.networks.classifier import Classifier

MODEL = Classifier(nn.Flatten(), mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))


def test_the_mean_is_zero_after_normalisation():
    empty = blank(MODEL, torch.rand(3, 3, 7, 9), "mean")
    assert empty.shape == (3, 3, 7, 9)
    assert torch.equal(MODEL.logits(empty), torch.zeros(3, 3 * 7 * 9))


def test_zero_is_black():
    assert torch.equal(blank(MODEL, torch.rand(3, 3, 7, 9), "zero"), torch.zeros(3, 3, 7, 9))


def test_the_blur_is_a_gaussian_of_eleven_pixels():
    images = torch.rand(3, 3, 15, 17)
    distances = torch.arange(-5.0, 6.0)
    weights = torch.exp(-(distances**2) / (2 * 5**2))
    kernel = torch.outer(weights, weights) / weights.sum() ** 2
    inside = functional.conv2d(images, kernel.expand(3, 1, 11, 11), groups=3)
    torch.testing.assert_close(blank(MODEL, images, "blur")[..., 5:-5, 5:-5], inside)
