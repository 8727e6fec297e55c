"""AdaIN: an image's features get the mean and standard deviation of a style's features; a decoder paints them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import platformdirs
import torch
from torch import Tensor, nn

from shapebias.files import download
from shapebias.networks.weights import put_weights, read_weights

__all__ = ["AdaIN", "moments", "normalise_to", "published_weights"]

_RELEASE = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0"
_SHA256 = {
    "vgg_normalised.pth": "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
    "decoder.pth": "379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
}
_EPSILON = 1e-5  # added to the variance, as in both published networks


def published_weights() -> list[Path]:
    """Download the published weights of AdaIN into the user's cache, once.

    Raises:
        DataError: the download failed; the message says where to put the files by hand.
    """
    folder = platformdirs.user_cache_path("shapebias") / "adain"
    return [download(f"{_RELEASE}/{name}", folder / name, digest) for name, digest in _SHA256.items()]


def moments(features: Tensor) -> Tensor:
    """Return the mean and standard deviation over space of (N, C, H, W) features, (N, 2, C, 1, 1).

    >>> moments(torch.arange(4.0).view(1, 1, 2, 2)).flatten()
    tensor([1.5000, 1.2910])
    """
    variance, mean = torch.var_mean(features, (-2, -1), keepdim=True)
    return torch.stack([mean, (variance + _EPSILON).sqrt()], dim=1)


def normalise_to(features: Tensor, mean: Tensor, std: Tensor, alpha: float) -> Tensor:
    """Give features the mean and standard deviation of a style: equation 8 of Huang & Belongie 2017, blended by alpha.

    AdaIN(x, y) = sigma(y) (x - mu(x)) / sigma(x) + mu(y), and alpha AdaIN(x, y) + (1 - alpha) x, equation 14.
    """
    own_mean, own_std = moments(features).unbind(1)
    return features.lerp((features - own_mean) / own_std * std + mean, alpha)


class AdaIN(nn.Module):
    """VGG-19 up to relu4_1, and the decoder that was trained to invert it.

    The layers are in the order of the published weights, so that the keys of the files match.

    Source: Huang & Belongie 2017, Arbitrary style transfer in real-time with adaptive instance normalization.
    """

    FILES = ("vgg_normalised", "decoder")

    def __init__(self) -> None:
        super().__init__()
        # The first convolution turns RGB in [0, 1] into what this VGG was trained on.
        self.encoder = nn.Sequential(nn.Conv2d(3, 3, 1), *_layers(3, [64, 64, "pool", 128, 128, "pool"]))
        self.encoder.extend(_layers(128, [256, 256, 256, 256, "pool", 512]))
        self.decoder = nn.Sequential(*_layers(512, [256, "double", 256, 256, 256, 128, "double", 128, 64, "double"]))
        self.decoder.extend(_layers(64, [64, 3])[:-1])  # no ReLU at the end

    def read(self, vgg: Path, decoder: Path) -> None:
        """Read the weights; those of VGG after relu4_1 are ignored.

        Raises:
            WeightsError: a file is damaged or for another network.
        """
        wanted = self.encoder.state_dict().keys()
        put_weights(self.encoder, {key: value for key, value in read_weights(vgg).items() if key in wanted}, vgg)
        put_weights(self.decoder, read_weights(decoder), decoder)

    def encode_style(self, images: Tensor) -> Tensor:
        """Return the style statistics of (N, 3, H, W) images, (N, 2, 512, 1, 1)."""
        return moments(self.encoder(images))

    def forward(self, images: Tensor, style: Tensor, alpha: float) -> Tensor:
        """Paint each of (N, 3, H, W) images in its own style; sides are rounded up to a multiple of 8."""
        mean, std = style.unbind(1)
        painted: Tensor = self.decoder(normalise_to(self.encoder(images), mean, std, alpha))
        return painted


def _layers(channels: int, plan: Sequence[int | str]) -> list[nn.Module]:
    """Make 3 x 3 convolutions with reflection padding and ReLU from a list of widths; halve or double the sides."""
    layers: list[nn.Module] = []
    for step in plan:
        if isinstance(step, int):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, step, 3), nn.ReLU(inplace=True)]
            channels = step
        else:
            layers.append(nn.MaxPool2d(2, ceil_mode=True) if step == "pool" else nn.UpsamplingNearest2d(scale_factor=2))
    return layers
