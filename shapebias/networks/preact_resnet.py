"""Residual networks with normalisation and activation before each convolution, for images of 32 pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PreActBlock", "PreActResNet"]


class PreActBlock(nn.Module):
    """Two 3 x 3 convolutions, each after a normalisation and an activation, around a shortcut.

    Args:
        inputs, channels: of the block's input and output.
        stride: of the first convolution, and of the shortcut.
        activation: the nonlinearity.
        same_padding: pad a convolution of stride 2 at the right and below only, as TensorFlow and JAX do.
        shortcut: side of the shortcut's convolution, and whether it reads the activated input.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        stride: int,
        activation: Callable[[Tensor], Tensor],
        *,
        same_padding: bool,
        shortcut: tuple[Literal[1, 3], bool],
    ) -> None:
        super().__init__()
        kernel, self.shortcut_is_activated = shortcut
        self.activation, self.uneven = activation, same_padding and stride == 2
        padding = 0 if self.uneven else 1
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        self.shortcut_is_padded = self.uneven and kernel == 3
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Conv2d(inputs, channels, kernel, stride, padding if kernel == 3 else 0, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shortcut + residual."""
        activated = self.activation(self.norm1(inputs))
        residual: Tensor = self.conv1(_right_and_below(activated) if self.uneven else activated)
        residual = self.conv2(self.activation(self.norm2(residual)))
        if self.shortcut is None:
            return inputs + residual
        around = activated if self.shortcut_is_activated else inputs
        shortcut: Tensor = self.shortcut(_right_and_below(around) if self.shortcut_is_padded else around)
        return shortcut + residual


def _right_and_below(features: Tensor) -> Tensor:
    return functional.pad(features, (0, 1, 0, 1))


class PreActResNet(nn.Module):
    """A convolution, stages of such blocks, and a linear layer on the mean over space.

    Source: He et al. 2016, Identity mappings in deep residual networks; Zagoruyko & Komodakis 2016, Wide residual
    networks.

    Args:
        blocks: blocks of each stage.
        widths: channels of the first convolution, then of each stage; each stage but the first halves the sides.
        classes: the number of outputs.
        activation: the nonlinearity.
        final_norm: normalise and activate once more before the mean.
        same_padding, shortcut: see :class:`PreActBlock`.
        spare_stage: have a copy of the first stage that is never used, as some published files do.

    >>> import torch
    >>> network = PreActResNet(blocks=(1, 1), widths=(4, 4, 8), classes=10)
    >>> network(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        blocks: Sequence[int],
        widths: Sequence[int],
        classes: int,
        activation: Callable[[Tensor], Tensor] = functional.relu,
        *,
        final_norm: bool = True,
        same_padding: bool = False,
        shortcut: tuple[Literal[1, 3], bool] = (1, True),
        spare_stage: bool = False,
    ) -> None:
        super().__init__()
        self.activation = activation

        def stage(number: int) -> nn.Sequential:
            inputs, channels, stride = widths[number], widths[number + 1], 1 if number == 0 else 2
            return nn.Sequential(
                *(
                    PreActBlock(
                        inputs if position == 0 else channels,
                        channels,
                        stride if position == 0 else 1,
                        activation,
                        same_padding=same_padding,
                        shortcut=shortcut,
                    )
                    for position in range(blocks[number])
                )
            )

        self.stem = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.stages = nn.Sequential(*(stage(number) for number in range(len(blocks))))
        self.spare_stage = stage(0) if spare_stage else None
        self.norm = nn.BatchNorm2d(widths[-1]) if final_norm else None
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, classes) logits of normalised (N, 3, H, W) images."""
        features = self.stages(self.stem(images))
        if self.norm is not None:
            features = self.activation(self.norm(features))
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits
