"""On a GPU nothing meets a tensor of the CPU: torch's fake tensors, which need no GPU, refuse mixed devices.

The same is tried on a fake device of Apple, which has no float64.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from shapebias.networks.classifier import Classifier
from shapebias.plugins.catalog import default_catalog
from shapebias.rng import ImageRandom

pytestmark = pytest.mark.skipif(torch.__version__ < (2, 7), reason="fake tensors of torch 2.6 ask the driver of CUDA")
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


class NoFloat64(TorchDispatchMode):
    """Refuse float64 on Apple's devices, in torch's own words."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, torch.Tensor) and each.device.type == "mps" and each.dtype == torch.float64:
                raise TypeError(
                    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. "
                    "Please use float32 instead."
                )
        return result


@pytest.fixture(params=["cuda", "mps"])
def gpu(request):
    """Return a fake device."""
    with FakeTensorMode(allow_non_fake_inputs=True), NoFloat64():
        yield torch.device(request.param)


@pytest.fixture
def network(gpu):
    """Return a network on the GPU; its normalisation is on whatever device the code puts it."""
    with gpu:
        layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()]
        module = nn.Sequential(*layers, nn.Linear(128, 4)).eval()
    return Classifier(module, (0.5, 0.4, 0.3), (0.2, 0.2, 0.3))


@pytest.fixture
def images(gpu):
    return torch.rand(2, 3, 32, 32, device=gpu)


def draw(name, device):
    return ImageRandom.for_images(0, name, 0, IDS, device)


def test_mixed_devices_are_refused(images):
    with pytest.raises(RuntimeError, match="device"):
        images + torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize("gpu", ["mps"], indirect=True)
def test_float64_is_refused_on_apples_device(images):
    with pytest.raises(TypeError, match="float64"):
        images.double()


@pytest.mark.parametrize("name", [spec.name for spec in built_in("transform") if spec.name != "stylize"])
def test_transforms(gpu, images, name):
    component = default_catalog().component("transform", name)
    needs = {"mask": torch.zeros(2, 32, 32, dtype=torch.bool, device=gpu), "partner": images.flip(0)}
    call = component.load(gpu)
    try:
        found = call(images, draw(name, gpu), **{need: needs[need] for need in component.spec.needs})
    except DataDependentOutputException:
        assert name in STOPS
        return
    except RuntimeError as error:  # fake tensors of Apple's device cannot be indexed by others
        assert "not linked with support for mps" in str(error)
        return
    assert name not in STOPS
    pixels = found if isinstance(found, torch.Tensor) else found.images
    assert (pixels.device.type, pixels.shape) == (gpu.type, images.shape)


@pytest.mark.parametrize("gpu", ["cuda"], indirect=True)
@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(gpu, name):
    assert DRAWS[name](draw("noise", gpu)).device.type == gpu.type


@torch.no_grad()
@pytest.mark.parametrize("gpu", ["cuda"], indirect=True)  # layers on a fake mps ask for its library
def test_the_forward_path(gpu, network, images):
    """Without the gradient: its engine asks the driver for the device."""
    with network.evaluating():
        scores = network(images)
    assert (scores.device.type, scores.shape) == (gpu.type, (2, 4))
