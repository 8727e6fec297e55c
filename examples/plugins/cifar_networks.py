"""A one-file plugin: three CIFAR-10 networks that no library has, each with a weight file.

``shapebias list --plugins-dir examples/plugins`` lists them, and as models they are written as
``cifar-resnet20:resnet20_standard.safetensors``.  You can add your own network in the same way: settings with ``load``,
and a hook that yields their specs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import torch
from torch import Tensor, nn

from shapebias.plugin import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Classifier,
    Features,
    ModelSpec,
    default_catalog,
    hookimpl,
    load_weights,
    param,
)

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2471, 0.2435, 0.2616)


@hookimpl
def shapebias_models() -> Iterator[ModelSpec]:
    """Yield the three architectures."""
    yield ModelSpec("cifar-resnet20", ResNet20, summary="ResNet-20 with option A shortcuts (He et al. 2016)")
    yield ModelSpec("cifar-resnet2b2", ResNet2b2, summary="a residual network of two blocks, adversarially trained")
    yield ModelSpec("cifar-cnn-a", CnnA, summary="two convolutions and two linear layers, adversarially trained")


@attrs.frozen
class ResNet20:
    """ResNet-20 of He et al. 2016, section 4.2, normalised like ImageNet."""

    weights: Path = param("weight file")

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        network = default_catalog().component("model", "resnet-cifar:depth=20").settings.load(device).module
        features = Features(network.layer3)
        return loaded(network, self.weights, device, features, mean=IMAGENET_MEAN, std=IMAGENET_STD)


@attrs.frozen
class ResNet2b2:
    """Two residual blocks with convolutions on both paths, for 32 x 32 pixels (Zhang et al. 2022, alpha-beta-CROWN)."""

    weights: Path = param("weight file")

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        stem = [nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        blocks = [Block(path_a=side(16), path_b=main(16)), Block(path_a=side(32), path_b=main(32))]
        stages = [nn.Sequential(block) for block in blocks]
        head = [nn.Flatten(), nn.Linear(1024, 100), nn.ReLU(), nn.Linear(100, 10)]
        return loaded(nn.Sequential(*stem, *stages, *head), self.weights, device, Features(stages[-1]))


@attrs.frozen
class CnnA:
    """Two strided convolutions and two linear layers, for 32 x 32 pixels."""

    weights: Path = param("weight file")

    def load(self, device: torch.device) -> Classifier:
        """Make the network and read its weights."""
        convolutions = [nn.Conv2d(3, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU()]
        head = [nn.Flatten(), nn.Linear(2048, 100), nn.ReLU(), nn.Linear(100, 10)]
        return loaded(nn.Sequential(*convolutions, *head), self.weights, device, Features(convolutions[-1]))


class Block(nn.ModuleDict):
    """The rectified sum of two paths; a ``ModuleDict``, so that the weight file's keys are the names of the paths."""

    def __init__(self, **paths: nn.Module) -> None:
        super().__init__(paths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return relu(a + b)."""
        total: Tensor = self["path_a"](inputs) + self["path_b"](inputs)
        return total.relu()


def side(channels: int) -> nn.Sequential:
    """Make path a, which doubles the channels and halves the sides in one convolution."""
    convolution = nn.Conv2d(channels, 2 * channels, 1, stride=2, bias=False)
    return nn.Sequential(nn.Identity(), convolution, nn.BatchNorm2d(2 * channels))


def main(channels: int) -> nn.Sequential:
    """Make path b, which does the same in two convolutions."""
    first = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=False)
    second = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.BatchNorm2d(2 * channels), nn.ReLU(), second, nn.BatchNorm2d(2 * channels))


def loaded(
    network: nn.Module,
    weights: Path,
    device: torch.device,
    features: Features,
    mean: tuple[float, ...] = CIFAR_MEAN,
    std: tuple[float, ...] = CIFAR_STD,
) -> Classifier:
    """Read the weights and wrap the network, which takes images of 32 x 32 pixels."""
    load_weights(network, weights)
    network.eval().to(device).to(memory_format=torch.channels_last)
    return Classifier(network, mean=mean, std=std, input_size=(32, 32), classes=CLASSES, features=features)
