"""``posterize``: few levels of each colour."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.plugin import ImageRandom, param


@attrs.frozen
class Posterize:
    """Round each channel to a few evenly spaced values, including black and white: fine texture goes.

    >>> import torch
    >>> Posterize(levels=3)(torch.tensor([0.1, 0.3, 0.9]), None)
    tensor([0.0000, 0.5000, 1.0000])
    """

    levels: int = param("number of values a channel can have", default=4, ge=2)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Posterize (N, 3, H, W) images in [0, 1]."""
        return (images * (self.levels - 1)).round() / (self.levels - 1)
