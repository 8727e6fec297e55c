"""``contrast:c``: scale the distance of every pixel from middle grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.spelling.params import param
from shapebias.transforms._affine import affine

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["Contrast"]


@attrs.frozen
class Contrast:
    """Scale contrast about middle grey: v becomes c v + (1 - c) / 2, clipped to [0, 1].

    c = 1 leaves the image, c = 0 makes it grey, c > 1 adds contrast and clips.  The grid of the source is c = 1, 0.5,
    0.3, 0.15, 0.1, 0.05, 0.03, 0.01, on grey images: ``grayscale+contrast:c=0.1``.

    Source: Geirhos et al. 2018, Generalisation in humans and deep neural networks, section 2.

    >>> import torch
    >>> Contrast(c=0.5)(torch.tensor([0.0, 0.5, 1.0]), None)
    tensor([0.2500, 0.5000, 0.7500])
    """

    c: float = param("factor of the contrast; 1 is the identity", default=0.3, ge=0)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Change the contrast of (N, 3, H, W) images in [0, 1]."""
        changed = affine(images, self.c, (1 - self.c) / 2)
        return changed.clamp_(0, 1) if self.c > 1 else changed
