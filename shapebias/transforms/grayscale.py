"""``grayscale``: replace colour by luma, or a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.spelling.params import param
from shapebias.transforms._luma import WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["Grayscale"]


@attrs.frozen
class Grayscale:
    """Remove the colour of each image: three equal channels of luma, 0.299 R + 0.587 G + 0.114 B.

    With ``alpha`` below 1 colour only fades: alpha luma + (1 - alpha) v in each channel.

    Source: ITU-R Recommendation BT.601; Pillow's mode ``L``; alpha: Burgert et al. 2025, ImageNet-trained CNNs are not
    biased towards texture, section 3.

    >>> import torch
    >>> Grayscale()(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1), None).flatten()
    tensor([0.2990, 0.2990, 0.2990])
    """

    alpha: float = param("share of the grey image", default=1.0, ge=0, le=1, implied=True)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Make (N, 3, H, W) images in [0, 1] grey."""
        # One product gives all three channels: on a CPU twice as fast as their sum, which is copied twice.
        weights = images.new_tensor(WEIGHTS)[:, None].expand(-1, 3)
        # Weights that sum to 1 only up to rounding could take white above 1.
        grey = (images.movedim(1, -1) @ weights).movedim(-1, 1).clamp_(0, 1)
        return grey if self.alpha == 1 else images.lerp(grey, self.alpha)
