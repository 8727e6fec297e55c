"""BagNets: residual networks that classify patches of 9, 17 or 33 pixels and average their logits."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BagNet"]

_BLOCKS, _STRIDES, _WIDTHS = (3, 4, 6, 3), (2, 2, 2, 1), (64, 128, 256, 512)
_EXPANSION = 4
# Stages whose first block has a 3 x 3 convolution; all others are 1 x 1.
_SPATIAL_STAGES = {9: 2, 17: 3, 33: 4}


class _Bottleneck(nn.Module):
    """1 x 1, k x k without padding, 1 x 1; the shortcut is cropped where the block's output is smaller."""

    def __init__(self, inputs: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel, stride=stride, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        found = functional.relu(self.bn1(self.conv1(features)))
        found = functional.relu(self.bn2(self.conv2(found)))
        found = self.bn3(self.conv3(found))
        shortcut = features if self.downsample is None else self.downsample(features)
        return functional.relu(found + shortcut[:, :, : found.shape[2], : found.shape[3]])


class BagNet(nn.Module):
    """A ResNet-50 whose receptive field is a small patch; its logits are the mean of the logits of all patches.

    Source: Brendel & Bethge 2019, Approximating CNNs with bag-of-local-features models works surprisingly well on
    ImageNet, section 2.

    Args:
        patch: side of the patch: 9, 17 or 33 pixels.
        classes: the number of outputs.
    """

    def __init__(self, patch: int = 33, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 64, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, (blocks, stride, width) in enumerate(zip(_BLOCKS, _STRIDES, _WIDTHS, strict=True)):
            kernel = 3 if stage < _SPATIAL_STAGES[patch] else 1
            layers = [_Bottleneck(inputs, width, kernel, stride)]
            inputs = width * _EXPANSION
            layers += [_Bottleneck(inputs, width, 1, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, classes) logits of normalised (N, 3, H, W) pixels."""
        features = functional.relu(self.bn1(self.conv2(self.conv1(pixels))))
        for stage in range(len(_BLOCKS)):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        logits: Tensor = self.fc(features.mean(dim=(2, 3)))
        return logits
