"""Small networks in double precision, so that equality means equality."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import attrs
import pytest
import torch
from torch import Tensor, nn

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom


@pytest.fixture(scope="session")
def small() -> Classifier:
    """Return a convolutional network with smooth gradients for 8 x 8 images and 4 classes."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(512, 16), nn.Tanh()]
        network = nn.Sequential(*layers, nn.Linear(16, 4)).double()
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, mean=(0.5,) * 3, std=(0.2,) * 3, chunk=3)


@pytest.fixture(scope="session")
def linear() -> Classifier:
    """Return a linear two-class model: its best perturbation is known in closed form."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).double()
    network.requires_grad_(requires_grad=False)
    return Classifier(network, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(scope="session")
def batch(small: Classifier) -> tuple[Tensor, Tensor, list[str]]:
    """Return images, the labels that the small network gives them except for the last one's, and ids."""
    images = torch.rand(7, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    labels = small(images).argmax(dim=1)
    labels[-1] = (labels[-1] + 1) % 4
    return images, labels, [f"{name}.png" for name in "abcdefg"]


@pytest.fixture(scope="session")
def numbers() -> Callable[[list[str]], ImageRandom]:
    return lambda ids, seed=0: ImageRandom.for_images(seed, "pgd", 0, ids)


@attrs.define
class Passes:
    """How many images went through a network."""

    forward: int = 0
    backward: int = 0


@contextlib.contextmanager
def counted(model: Classifier) -> Iterator[Passes]:
    found = Passes()

    def see(_module, inputs, output):
        found.forward += len(output)
        if output.requires_grad:
            output.register_hook(lambda gradient: setattr(found, "backward", found.backward + len(gradient)))

    hook = model.module.register_forward_hook(see)
    try:
        yield found
    finally:
        hook.remove()


@pytest.fixture(scope="session")
def passes():
    """Count the images that a model sees, forward and backward."""
    return counted
