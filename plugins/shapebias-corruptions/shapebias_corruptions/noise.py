"""``c-gaussian-noise``, ``c-shot-noise``, ``c-impulse-noise``, ``c-speckle-noise``: independent in each value.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["GaussianNoise", "ImpulseNoise", "ShotNoise", "SpeckleNoise"]

_GAUSSIAN = PublishedConstants(imagenet=(0.08, 0.12, 0.18, 0.26, 0.38), cifar=(0.04, 0.06, 0.08, 0.09, 0.10))
_PHOTONS = PublishedConstants(imagenet=(60, 25, 12, 5, 3), cifar=(500, 250, 100, 75, 50))
_AMOUNT = PublishedConstants(imagenet=(0.03, 0.06, 0.09, 0.17, 0.27), cifar=(0.01, 0.02, 0.03, 0.05, 0.07))
_CPU_PIECE = 2**14  # values that stay in the cache of a CPU, at 8 bytes each
_SPECKLE = PublishedConstants(imagenet=(0.15, 0.2, 0.35, 0.45, 0.6), cifar=(0.06, 0.1, 0.12, 0.16, 0.2))


@attrs.frozen
class GaussianNoise:
    """Add normal noise of a standard deviation, and clip to [0, 1]."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        return rng.normal("noise", 0, images.shape[1:]).mul_(_GAUSSIAN.of(self)).add_(images).clamp_(0, 1)


@attrs.frozen
class ShotNoise:
    """Count photons: a pixel v becomes Poisson(c v) / c, clipped to 1, where white has c photons on average."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        white = _PHOTONS.of(self)
        # A draw represents a slice of 2^-24 of the distribution; its middle is never 0.
        drawn = rng.uniform("photons", 0, images.shape[1:]).double() + 2.0**-25
        mean, counts = images.double().mul_(white).flatten(), torch.empty_like(drawn).flatten()
        for some, of, given in zip(
            *(values.split(_CPU_PIECE if values.is_cpu else len(values)) for values in (counts, mean, drawn.flatten())),
            strict=True,
        ):
            some.copy_(_poisson(of, given, white))
        return (counts.view_as(drawn) / white).to(images)


def _poisson(mean: Tensor, drawn: Tensor, most: int) -> Tensor:
    """Return min(k, most) where k is the smallest count with P(count <= k) > drawn; above ``most`` all is white."""
    probability = (-mean).exp()
    cumulated, count = probability.clone(), torch.zeros_like(mean)
    for k in range(most):
        count += drawn >= cumulated
        probability *= mean
        probability /= k + 1
        cumulated += probability
    return count


@attrs.frozen
class ImpulseNoise:
    """Set a share of all values to 0 or 1, equally likely."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        amount, drawn = _AMOUNT.of(self), rng.uniform("impulses", 0, images.shape[1:])
        return images.masked_fill(drawn < amount, 0).masked_fill(drawn < amount / 2, 1)


@attrs.frozen
class SpeckleNoise:
    """Add normal noise whose standard deviation is proportional to the pixel value, and clip to [0, 1]."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        return (images + images * _SPECKLE.of(self) * rng.normal("noise", 0, images.shape[1:])).clamp(0, 1)
