"""``c-snow``: whitened, with flakes that fall in streaks.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.filters import motion_blurred, zoomed
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["Snow"]

# Mean and standard deviation of the flakes, their enlargement, the threshold below which there are none, radius and
# standard deviation of the streaks, share of the image that is not whitened.
_SNOW = PublishedConstants(
    imagenet=(
        (0.1, 0.3, 3.0, 0.5, 10, 4.0, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 4.0, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 8.0, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8.0, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12.0, 0.55),
    ),
    cifar=(
        (0.1, 0.2, 1.0, 0.6, 8, 3.0, 0.95),
        (0.1, 0.2, 1.0, 0.5, 10, 4.0, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4.0, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6.0, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12.0, 0.8),
    ),
)
_LUMA = (0.299, 0.587, 0.114)


@attrs.frozen
class Snow:
    """Whiten the image, and add flakes: normal noise, enlarged, cut off below, blurred downwards.

    The flakes are added twice, the second time turned by 180 degrees.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        mean, deviation, size, threshold, radius, sigma, kept = _SNOW.of(self)
        # In double precision, so that no rounding decides whether there is a flake.
        noise = mean + deviation * rng.normal("flakes", 0, (1, *images.shape[2:])).double()
        flakes = zoomed(noise, size)
        flakes = torch.where(flakes < threshold, 0, flakes.clamp(0, 1))
        flakes = motion_blurred(flakes, radius, sigma, 90 * rng.uniform("angle", 0, ()) - 135).to(images)
        luma = (images * torch.tensor(_LUMA).to(images).view(3, 1, 1)).sum(dim=1, keepdim=True)
        whitened = torch.lerp(torch.maximum(images, 1.5 * luma + 0.5), images, kept)
        return (whitened + flakes + flakes.flip(2, 3)).clamp(0, 1)
