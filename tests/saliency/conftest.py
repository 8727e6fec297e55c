"""A small smooth network in double precision with one image after another of its own noise."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom


@pytest.fixture(scope="session")
def small() -> Classifier:
    """Return a network for images of any size and 4 classes, three images at a time."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 8, 3, padding=1), nn.Tanh()]
        network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4)).double()
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), chunk=3)


@pytest.fixture
def batch():
    """Return five images that are not square, their targets, ids and random numbers."""
    images = torch.rand(5, 3, 6, 8, dtype=torch.float64)
    ids = [f"{name}.png" for name in "abcde"]
    return images, torch.tensor([0, 1, 2, 3, 0]), ids, ImageRandom.for_images(0, "smoothgrad", 0, ids)
