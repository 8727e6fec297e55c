"""A one-file plugin: ``resnet18-small``, the ResNet-18 of papers on CIFAR-10 and Tiny ImageNet.

It is torchvision's with other first layers: a 3 x 3 convolution of stride 1 and no pooling, so that an image of 32
pixels reaches the first stage at its full size.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import torch
from torch import nn
from torchvision.models import resnet18

from shapebias.plugin import Classifier, Features, ModelSpec, hookimpl, param, seeded_weights


@hookimpl
def shapebias_models() -> Iterator[ModelSpec]:
    """Yield the architecture."""
    yield ModelSpec("resnet18-small", SmallResNet18, summary="ResNet-18 for images of 32 to 64 pixels")


@attrs.frozen
class SmallResNet18:
    """ResNet-18 with random weights and a first layer for small images; pixels are normalised by mean 0.5, std 0.25."""

    num_classes: int = param("number of outputs", default=10, ge=1)
    seed: int = param("seed of the random weights", default=0, ge=0)

    def load(self, device: torch.device) -> Classifier:
        """Make the network."""
        with seeded_weights(self.seed):
            network = resnet18(num_classes=self.num_classes)
            network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            network.maxpool = nn.Identity()
        network.eval().to(device).to(memory_format=torch.channels_last)
        return Classifier(network, mean=(0.5,) * 3, std=(0.25,) * 3, features=Features(network.layer4))
