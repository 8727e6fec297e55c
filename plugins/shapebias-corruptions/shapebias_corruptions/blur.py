"""``c-gaussian-blur``, ``c-defocus-blur``, ``c-zoom-blur``, ``c-motion-blur``.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import math

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.filters import motion_blurred, padded, smooth, zoomed
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["DefocusBlur", "GaussianBlur", "MotionBlur", "ZoomBlur"]

_SIGMA = PublishedConstants(imagenet=(1.0, 2.0, 3.0, 4.0, 6.0), cifar=(0.4, 0.6, 0.7, 0.8, 1.0))
# Radius of the disk, and the standard deviation that softens its rim.
_DISK = PublishedConstants(
    imagenet=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    cifar=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
)
# Step of the factor, and the number of factors from 1 on: one more than the released ranges state if numpy's ``arange``
# rounded up.
_ZOOMS = PublishedConstants(
    imagenet=((0.01, 12), (0.01, 16), (0.02, 11), (0.02, 13), (0.03, 11)),
    cifar=((0.01, 7), (0.01, 12), (0.01, 16), (0.01, 21), (0.01, 26)),
)
_MOTION = PublishedConstants(  # radius and standard deviation
    imagenet=((10, 3.0), (15, 5.0), (15, 8.0), (15, 12.0), (20, 15.0)),
    cifar=((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)),
)


@attrs.frozen
class GaussianBlur:
    """Smooth with a Gaussian; the outermost pixels are repeated beyond the border."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        return smooth(images, _SIGMA.of(self)).clamp(0, 1)


@attrs.frozen
class DefocusBlur:
    """Average over a disk with a soft rim; the image is mirrored beyond its border."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        disk = _disk(*_DISK.of(self)).to(images)
        wide = padded(images, len(disk) // 2, "mirror")
        size = wide.shape[2:]
        # By the Fourier transform: for the largest disk six times as fast as a convolution on a CPU.
        spread: Tensor = torch.fft.irfft2(torch.fft.rfft2(wide) * torch.fft.rfft2(disk, s=size), s=size)
        return spread[..., len(disk) - 1 :, len(disk) - 1 :].clamp(0, 1)


def _disk(radius: float, softness: float) -> Tensor:
    """Return the weights of a disk, (2 r + 1, 2 r + 1), smoothed by 3 x 3 pixels, or by 5 x 5 from radius 8 on."""
    reach = max(8, math.ceil(radius))
    squared = torch.arange(-reach, reach + 1).square()
    disk = ((squared[:, None] + squared) <= radius**2).double()
    rim = 1 if radius <= 8 else 2
    return smooth(disk / disk.sum(), softness, "mirror", reach=rim / softness)


@attrs.frozen
class ZoomBlur:
    """Average the image and its middle, enlarged in small steps."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        step, count = _ZOOMS.of(self)
        total = images.clone()  # a second time as the copy that is enlarged by 1
        for index in range(count):
            total += zoomed(images, 1 + step * index)
        return (total / (count + 1)).clamp(0, 1)


@attrs.frozen
class MotionBlur:
    """Blur each image to one side with half a Gaussian, within 45 degrees of the horizontal."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        radius, sigma = _MOTION.of(self)
        return motion_blurred(images, radius, sigma, 90 * rng.uniform("angle", 0, ()) - 45).clamp(0, 1)
