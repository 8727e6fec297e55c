"""Small networks in double precision; what a classifier returns is in single precision all the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.plugin import Classifier, ImageRandom

IDS = ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png"]


def classifier(*layers, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(*[layer() for layer in layers]).double()
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, mean=(0.0,) * 3, std=(1.0,) * 3, chunk=4)


@pytest.fixture(scope="session")
def small():
    """Return a convolutional network of five classes for 8 x 8 images."""
    head = (nn.Flatten, lambda: nn.Linear(512, 16), nn.Tanh, lambda: nn.Linear(16, 5))
    return classifier(lambda: nn.Conv2d(3, 8, 3, padding=1), nn.Tanh, *head, seed=0)


@pytest.fixture(scope="session")
def linear():
    """Return a function that makes a linear model of some classes."""
    return lambda classes=2: classifier(nn.Flatten, lambda: nn.Linear(192, classes), seed=2)


@pytest.fixture(scope="session")
def batch(small):
    """Return six images, and the labels that the small network gives them except for the last one's."""
    images = torch.rand(6, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    labels = small(images).argmax(dim=1)
    labels[-1] = (labels[-1] + 1) % 5
    return images, labels


@pytest.fixture(scope="session")
def grey():
    """Return images so far from black and white that no small perturbation meets the end of the range."""
    noise = torch.rand(6, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    return 0.4 + 0.2 * noise


@pytest.fixture(scope="session")
def rng():
    return ImageRandom.for_images(0, "attack", 0, IDS)


@pytest.fixture(scope="session")
def nearest():
    """Return the distance to the boundary of two linear classes: |margin| over the dual norm of the normal."""

    def distances(model, images, norm):
        scores = model.module(images)
        normal = model.module[1].weight[1] - model.module[1].weight[0]
        return (scores[:, 1] - scores[:, 0]).abs() / normal.norm(p={"linf": 1, "l2": 2}[norm])

    return distances
