"""``c-spatter``: splashed with drops of water or with mud.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.filters import smooth
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants
from shapebias_corruptions.water_relief import water_relief

__all__ = ["Spatter"]

# Mean and standard deviation of the liquid, its smoothing, and the threshold below which there is none; for water
# the amount that is added, for mud the smoothing of its rim; and the kind of liquid.
_SPATTER = PublishedConstants(
    imagenet=(
        (0.65, 0.3, 4.0, 0.69, 0.6, "water"),
        (0.65, 0.3, 3.0, 0.68, 0.6, "water"),
        (0.65, 0.3, 2.0, 0.68, 0.5, "water"),
        (0.65, 0.3, 1.0, 0.65, 1.5, "mud"),
        (0.67, 0.4, 1.0, 0.65, 1.5, "mud"),
    ),
    cifar=(
        (0.62, 0.1, 0.7, 0.7, 0.5, "water"),
        (0.65, 0.1, 0.8, 0.7, 0.5, "water"),
        (0.65, 0.3, 1.0, 0.69, 0.5, "water"),
        (0.65, 0.1, 0.7, 0.69, 0.6, "mud"),
        (0.65, 0.1, 0.5, 0.68, 0.6, "mud"),
    ),
)
_COLOURS = {"water": (175 / 255, 238 / 255, 238 / 255), "mud": (63 / 255, 42 / 255, 20 / 255)}
_THIN = 0.8  # mud that covers less is removed


@attrs.frozen
class Spatter:
    """Add drops of liquid to the image where smoothed noise is high.

    At severities 1 to 3 it is water, which adds light where the relief of its drops shines; at 4 and 5 it is mud, which
    covers the image.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        mean, deviation, sigma, threshold, amount, kind = _SPATTER.of(self)
        # In double precision, so that no rounding decides where there is liquid.
        liquid = smooth(mean + deviation * rng.normal("liquid", 0, images.shape[2:]).double(), sigma)
        colour = torch.tensor(_COLOURS[kind]).to(images).view(3, 1, 1)
        if kind == "water":
            shine = water_relief(torch.where(liquid < threshold, 0, 255 * liquid).clamp(0, 255).int())
            return (images + amount * shine[:, None].to(images) * colour).clamp(0, 1)
        cover = smooth((liquid > threshold).double(), amount)
        cover = torch.where(cover < _THIN, 0, cover)[:, None].to(images)
        return torch.lerp(images, colour, cover).clamp(0, 1)
