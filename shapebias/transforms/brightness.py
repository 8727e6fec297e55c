"""``brightness:shift``: make every pixel lighter or darker; its hue stays."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Brightness"]


@attrs.frozen
class Brightness:
    """Add to the brightness of each pixel, the V of HSV: hue and saturation stay.

    V = max(R, G, B) becomes V' = V + shift, clipped to [0, 1], and the pixel is scaled by V' / V; black becomes grey.

    Source: Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and
    perturbations, section 4, whose five severities are shift = 0.1 to 0.5.

    >>> Brightness(shift=0.3)(torch.tensor([0.5, 0.25, 0.0]).view(1, 3, 1, 1), None).flatten()
    tensor([0.8000, 0.4000, 0.0000])
    """

    shift: float = param("added to the brightness; negative makes darker", default=0.3, ge=-1, le=1, unit="pixel value")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Change the brightness of (N, 3, H, W) images in [0, 1]."""
        # A copy in planes: a CPU reduces over them many times as fast as over the channels of a pixel.
        pixels = images.clone(memory_format=torch.contiguous_format)
        value = pixels.amax(dim=1, keepdim=True)
        # Black is 0 / 0, which is NaN, and becomes grey.
        return pixels.div_(value).mul_(value.add_(self.shift).clamp_(0, 1)).nan_to_num_(max(self.shift, 0.0))
