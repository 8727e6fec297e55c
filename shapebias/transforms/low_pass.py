"""``low-pass:radius``: keep the low spatial frequencies."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._fourier import filtered, squared_frequency

__all__ = ["LowPass"]


@attrs.frozen
class LowPass:
    """Keep the spatial frequencies up to a radius, including the mean: coarse shape stays, fine texture goes.

    A coefficient F(u, v) stays where u^2 + v^2 <= radius^2, u and v in cycles per image (per shorter side).  The result
    is clipped to [0, 1].

    Source: Wang et al. 2020, High-frequency component helps explain the generalization of convolutional neural
    networks, section 3.

    >>> import torch
    >>> stripes = torch.tensor([0.2, 0.8]).repeat(8).expand(1, 3, 16, 16)  # 8 cycles
    >>> LowPass(radius=7)(stripes, None).unique()
    tensor([0.5000])
    """

    radius: float = param("highest frequency that stays", default=8, ge=0, unit="cycles per image")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Filter (N, 3, H, W) images in [0, 1]."""
        return filtered(images, squared_frequency(images) <= self.radius**2).clamp(0, 1)
