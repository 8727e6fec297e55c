"""``high-pass:radius``: keep the high spatial frequencies."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._fourier import filtered, squared_frequency

__all__ = ["HighPass"]


@attrs.frozen
class HighPass:
    """Keep the spatial frequencies above a radius, and the mean of each channel: contours and fine texture stay.

    A coefficient F(u, v) stays where u^2 + v^2 > radius^2, u and v in cycles per image (per shorter side): those that
    ``low-pass`` of the same radius removes.  F(0, 0) is kept, so that the result varies around the image's own colour
    and not around black.  The result is clipped to [0, 1].

    Source: Wang et al. 2020, High-frequency component helps explain the generalization of convolutional neural
    networks, section 3.

    >>> import torch
    >>> stripes = torch.tensor([0.2, 0.8]).repeat(8).expand(1, 3, 16, 16)  # 8 cycles
    >>> torch.allclose(HighPass(radius=7)(stripes, None), stripes)
    True
    """

    radius: float = param("highest frequency that is removed", default=8, ge=0, unit="cycles per image")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Filter (N, 3, H, W) images in [0, 1]."""
        squared = squared_frequency(images)
        return filtered(images, (squared > self.radius**2) | (squared == 0)).clamp(0, 1)
