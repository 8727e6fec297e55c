"""``cnn``: a small plain convolutional network that trains on a CPU in minutes."""

from __future__ import annotations

import attrs
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.networks.features import Features
from shapebias.networks.weights import seeded_weights
from shapebias.spelling.params import param

__all__ = ["Cnn"]


@attrs.frozen
class Cnn:
    """A plain convolutional network for images of 32 to 64 pixels, with random weights.

    Each layer is a 3 x 3 convolution, batch normalisation (Ioffe & Szegedy 2015) and ReLU; every layer but the first
    doubles the channels and ends with max-pooling, which halves the sides.  As in VGG (Simonyan & Zisserman 2015) no
    convolution has a stride, and two of them see every pixel: otherwise texture of a few pixels would be lost before
    the network can recognise it.  The logits are a linear function of the means of the last channels, so images may
    have any size.  Pixels are normalised by mean 0.5 and standard deviation 0.25, which suits most images.

    >>> Cnn(num_classes=4).load(torch.device("cpu"))(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 4])
    """

    num_classes: int = param("number of outputs", default=10, ge=1, le=10**5)
    width: int = param("channels of the first layer", default=16, ge=1, le=4096)
    depth: int = param("number of convolutions; each but the first halves the sides", default=4, ge=1, le=8)
    seed: int = param("seed of the random weights", default=0, ge=0, lt=2**63)

    def load(self, device: torch.device) -> Classifier:
        """Make the network."""
        with seeded_weights(self.seed):
            convolutions = nn.Sequential(*(self._layer(position) for position in range(self.depth)))
            head = nn.Linear(self.width * 2 ** (self.depth - 1), self.num_classes)
        network = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
        network = network.eval().to(device).to(memory_format=torch.channels_last)
        return Classifier(network, mean=(0.5,) * 3, std=(0.25,) * 3, features=Features(convolutions))

    def _layer(self, position: int) -> nn.Sequential:
        channels = self.width * 2**position
        convolution = nn.Conv2d(channels // 2 if position else 3, channels, 3, padding=1, bias=False)
        pooling = [nn.MaxPool2d(2)] if position else []
        return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(), *pooling)
