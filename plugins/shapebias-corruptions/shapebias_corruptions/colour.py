"""``c-brightness``, ``c-contrast``, ``c-saturate``: each pixel on its own.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["Brightness", "Contrast", "Saturate"]

_SHIFT = PublishedConstants(imagenet=(0.1, 0.2, 0.3, 0.4, 0.5), cifar=(0.05, 0.1, 0.15, 0.2, 0.3))
_CONTRAST = PublishedConstants(imagenet=(0.4, 0.3, 0.2, 0.1, 0.05), cifar=(0.75, 0.5, 0.4, 0.3, 0.15))
_SATURATION = PublishedConstants(  # factor and summand
    imagenet=((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)),
    cifar=((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2)),
)


@attrs.frozen
class Brightness:
    """Add to the V of HSV, clipped to [0, 1]; hue and saturation stay."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        value = images.amax(dim=1, keepdim=True)
        lighter = (value + _SHIFT.of(self)).clamp(max=1)
        return torch.where(value > 0, images / value * lighter, lighter).clamp(0, 1)


@attrs.frozen
class Contrast:
    """Scale the distance of every pixel from the mean colour of its image."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        return torch.lerp(images.mean(dim=(2, 3), keepdim=True), images, _CONTRAST.of(self)).clamp(0, 1)


@attrs.frozen
class Saturate:
    """Scale the S of HSV and add to it, clipped to [0, 1]; hue and value stay.

    A grey pixel has the hue of red, by convention: where the severity adds to S, it turns reddish.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        factor, summand = _SATURATION.of(self)
        value = images.amax(dim=1, keepdim=True)
        chroma = value - images.amin(dim=1, keepdim=True)
        red = torch.tensor([0.0, 1.0, 1.0]).to(images).view(3, 1, 1)
        # A pixel is value (1 - saturation below); ``below`` is the hue: 0 in the largest channel, 1 in the smallest.
        below = torch.where(chroma > 0, (value - images) / chroma, red)
        saturation = torch.where(value > 0, chroma / value, chroma)
        return value * (1 - (factor * saturation + summand).clamp(0, 1) * below)
