"""``edge-detector``: where brightness changes; a control that looks plausible but does not depend on the model."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom

__all__ = ["EdgeDetector"]

_LUMA = (0.299, 0.587, 0.114)
_SMOOTH, _DIFFERENCE = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


@attrs.frozen
class EdgeDetector:
    """Take the length of the brightness gradient, by Sobel's kernels: sqrt(Gx^2 + Gy^2).

    A control: a map that looks like this one may show the image instead of the model.  Brightness is the luma of ITU-R
    BT.601; border pixels are repeated beyond the border.

    Source: Adebayo et al. 2018, Sanity checks for saliency maps, section 5.

    >>> images = torch.zeros(1, 3, 4, 4)
    >>> images[..., 2:] = 1
    >>> EdgeDetector()(None, images, torch.tensor([0]), None)[0, 1]
    tensor([0., 4., 4., 0.])
    """

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1]."""
        luma = (images * images.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
        across = torch.outer(images.new_tensor(_SMOOTH), images.new_tensor(_DIFFERENCE))
        kernels = torch.stack([across, across.T])[:, None]
        gradient = functional.conv2d(functional.pad(luma, (1, 1, 1, 1), mode="replicate"), kernels)
        length: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        return length
