"""On a GPU nothing meets a tensor of the CPU: torch's fake CUDA tensors, which need no GPU, refuse mixed devices."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from shapebias.networks.classifier import Classifier
from shapebias.plugins.catalog import default_catalog
from shapebias.rng import ImageRandom

CUDA = torch.device("cuda")
IDS = ("ant.png", "bee.png")
# What they compute next depends on numbers, which fake tensors do not have: they are tried up to there.
STOPS = {"edges", "texture-only", "band-noise"}
DRAWS = {
    "bits": lambda rng: rng.bits("s", 0, (3, 4)),
    "uniform": lambda rng: rng.uniform("s", 0, (3, 4)),
    "normal": lambda rng: rng.normal("s", range(5), (3, 4)),
    "integers": lambda rng: rng.integers("s", 0, (4,), 10),
    "permutation": lambda rng: rng.permutation("s", 0, 9),
}


def built_in(kind):
    specs = [entry.spec for entry in default_catalog() if entry.plugin.distribution == "shapebias"]
    return [spec for spec in specs if spec.kind == kind]


@pytest.fixture
def gpu():
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


@pytest.fixture
def network(gpu):
    """Return a network on the GPU; its normalisation is on whatever device the code puts it."""
    with CUDA:
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
        module = nn.Sequential(*layers, nn.Linear(128, 4)).eval()
    return Classifier(module, (0.5, 0.4, 0.3), (0.2, 0.2, 0.3))


@pytest.fixture
def images(gpu):
    return torch.rand(2, 3, 32, 32, device=CUDA)


def draw(name):
    return ImageRandom.for_images(0, name, 0, IDS, CUDA)


def test_mixed_devices_are_refused(images):
    with pytest.raises(RuntimeError, match="device"):
        images + torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize("name", [spec.name for spec in built_in("transform") if spec.name != "stylize"])
def test_transforms(images, name):
    component = default_catalog().component("transform", name)
    needs = {"mask": torch.zeros(2, 32, 32, dtype=torch.bool, device=CUDA), "partner": images.flip(0)}
    call = component.load(CUDA)
    try:
        found = call(images, draw(name), **{need: needs[need] for need in component.spec.needs})
    except DataDependentOutputException:
        assert name in STOPS
        return
    assert name not in STOPS
    pixels = found if isinstance(found, torch.Tensor) else found.images
    assert (pixels.device.type, pixels.shape) == ("cuda", images.shape)


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(gpu, name):
    assert DRAWS[name](draw("noise")).device.type == "cuda"


@torch.no_grad()
def test_the_forward_path(network, images):
    """Without the gradient: its engine asks the driver for the device."""
    with network.evaluating():
        scores = network(images)
    assert (scores.device.type, scores.shape) == ("cuda", (2, 4))
