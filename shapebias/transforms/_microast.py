"""MicroAST: style transfer by small encoders, whose style also modulates the filters of the decoder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from shapebias.networks.weights import put_weights, read_weights
from shapebias.transforms._adain import moments, normalise_to

__all__ = ["MicroAST"]


class MicroAST(nn.Module):
    """Two encoders, a modulator and a decoder with 0.47 million weights in all.

    A style is eight vectors of 64 channels: the mean and standard deviation of each of its two features, to which the
    features of the image are normalised, and for each feature a weight and a bias, which modulate a decoder block.

    Source: Wang et al. 2023, MicroAST: towards super-fast ultra-resolution arbitrary style transfer.
    """

    FILES = ("content_encoder", "style_encoder", "modulator", "decoder")

    def __init__(self) -> None:
        super().__init__()
        self.content_encoder, self.style_encoder = _Encoder(), _Encoder()
        self.modulator, self.decoder = _Modulator(), _Decoder()

    def read(self, *files: Path) -> None:
        """Read the weights of the four parts, in the order of ``FILES``.

        Raises:
            WeightsError: a file is damaged or for another network.
        """
        for name, file in zip(self.FILES, files, strict=True):
            weights = {key.replace(".conv_layer", ""): value for key, value in read_weights(file).items()}
            put_weights(getattr(self, name), weights, file)

    def encode_style(self, images: Tensor) -> Tensor:
        """Return the style statistics of (N, 3, H, W) images, (N, 8, 64, 1, 1)."""
        features = self.style_encoder(images)
        return torch.cat([*map(moments, features), self.modulator(*features)], dim=1)

    def forward(self, images: Tensor, style: Tensor, alpha: float) -> Tensor:
        """Paint each of (N, 3, H, W) images in its own style; sides are rounded up to a multiple of 4."""
        mean1, std1, mean2, std2, *modulation = style.unbind(1)
        weight1, bias1, weight2, bias2 = modulation
        _, features = self.content_encoder(images)
        features = normalise_to(features, mean2, std2, alpha)
        features = self.decoder.dec1.modulated(features, weight2, bias2)
        features = normalise_to(features, mean1, std1, alpha)
        features = self.decoder.dec2.modulated(features, weight1, bias1)
        painted: Tensor = self.decoder.dec3(features)
        return painted


def _conv(inputs: int, outputs: int, side: int = 3, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, stride, side // 2, groups=groups, padding_mode="reflect")


class _Residual(nn.Module):
    """x + conv2(relu(conv1(x))), whose filters a style can modulate."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(64, 64), _conv(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.conv2(self.conv1(x).relu_())
        return x + inner

    def modulated(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return x + w conv2(v) + b v with v = relu(w conv1(x) + b x)."""
        inner = (weight * self.conv1(x) + bias * x).relu_()
        outer: Tensor = weight * self.conv2(inner) + bias * inner
        return x + outer


class _Encoder(nn.Module):
    """Two features, both a quarter as wide and high as the image, rounded up."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = [
            _conv(3, 16, 9),
            _conv(16, 32, stride=2, groups=16),
            _conv(32, 32, 1),
            _conv(32, 64, stride=2, groups=32),
            _conv(64, 64, 1),
        ]
        layers = [layer for conv in convolutions for layer in (conv, nn.ReLU(inplace=True))]
        self.enc1 = nn.Sequential(*layers, _Residual())
        self.enc2 = nn.Sequential(_Residual())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        first = self.enc1(images)
        return first, self.enc2(first)


class _Modulator(nn.Module):
    """A weight and a bias from each of two features: one convolution, and the mean over space."""

    def __init__(self) -> None:
        super().__init__()
        self.weight1, self.bias1, self.weight2, self.bias2 = (nn.Sequential(_conv(64, 64, groups=64)) for _ in range(4))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        made = [self.weight1(first), self.bias1(first), self.weight2(second), self.bias2(second)]
        return torch.stack(made, dim=1).mean((-2, -1), keepdim=True)


class _Decoder(nn.Module):
    """Two modulated blocks, then upsampling of the features to the size of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.dec1, self.dec2 = _Residual(), _Residual()
        self.dec3 = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            _conv(64, 32, groups=32),
            nn.ReLU(inplace=True),
            _conv(32, 32, 1),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            _conv(32, 16, groups=16),
            nn.ReLU(inplace=True),
            _conv(16, 16, 1),
            nn.ReLU(inplace=True),
            _conv(16, 3, 9),
        )
