"""``resnet-cifar``: residual networks for small images."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional

from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.networks.weights import seeded_weights
from shapebias.spelling.params import param

__all__ = ["Block", "Network", "ResNetCifar"]


class Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut without parameters (He et al. 2016, section 3.3, option A)."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride, self.added = stride, channels - inputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Return relu(shortcut + residual)."""
        residual = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(inputs)))))
        shortcut = inputs[:, :, :: self.stride, :: self.stride]
        before = self.added // 2
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, before, self.added - before))  # zeros for the new channels
        return functional.relu(shortcut + residual)


class Network(nn.Module):
    """A convolution, three stages of ``blocks`` blocks each, and a linear layer on the mean over space.

    Args:
        blocks: blocks per stage; the depth is 6 blocks + 2.
        width: channels of the first stage; each stage doubles the channels and halves the sides.
        num_classes: number of outputs.
        stride: stride of the first convolution.
    """

    def __init__(self, blocks: int, width: int = 16, num_classes: int = 10, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(blocks, width, width, stride=1)
        self.layer2 = self._stage(blocks, width, 2 * width, stride=2)
        self.layer3 = self._stage(blocks, 2 * width, 4 * width, stride=2)
        self.linear = nn.Linear(4 * width, num_classes)

    @staticmethod
    def _stage(blocks: int, inputs: int, channels: int, stride: int) -> nn.Sequential:
        first = Block(inputs, channels, stride)
        return nn.Sequential(first, *(Block(channels, channels, 1) for _ in range(blocks - 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, num_classes) logits for normalised (N, 3, H, W) images."""
        features = functional.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits


@attrs.frozen
class ResNetCifar:
    """A residual network for images of 32 to 64 pixels, with random weights.

    Pixels are normalised by mean 0.5 and standard deviation 0.25, which suits most images.

    Source: He et al. 2016, Deep residual learning for image recognition, section 4.2.

    >>> ResNetCifar(depth=8).load(torch.device("cpu"))(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    depth: int = param("number of layers with weights, 6n + 2", default=20, ge=8, le=2000)
    width: int = param("channels of the first stage", default=16, ge=1, le=4096)
    num_classes: int = param("number of outputs", default=10, ge=1, le=10**5)
    stride: int = param("stride of the first convolution; 2 suits images of 64 pixels", default=1, ge=1)
    seed: int = param("seed of the random weights", default=0, ge=0, lt=2**63)

    def __attrs_post_init__(self) -> None:
        if self.depth % 6 != 2:
            raise SpellingError(f"resnet-cifar: depth must be 6n + 2 (8, 14, 20, 32, 44, 56, 110), got {self.depth}")

    def load(self, device: torch.device) -> Classifier:
        """Make the network."""
        with seeded_weights(self.seed):
            network = Network(self.depth // 6, self.width, self.num_classes, self.stride)
        network.eval().to(device).to(memory_format=torch.channels_last)
        return Classifier(network, mean=(0.5,) * 3, std=(0.25,) * 3, features=Features(network.layer3))
