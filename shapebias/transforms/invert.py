"""``invert``: the negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["Invert"]


@attrs.frozen
class Invert:
    """Make the negative: v becomes 1 - v.

    Contours stay in place and change their polarity; colours become their complements.

    Source: Hosseini et al. 2017, On the limitation of convolutional neural networks in recognizing negative images.

    >>> import torch
    >>> Invert()(torch.tensor([0.0, 0.25, 1.0]), None)
    tensor([1.0000, 0.7500, 0.0000])
    """

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Invert (N, 3, H, W) images in [0, 1]."""
        return 1 - images
