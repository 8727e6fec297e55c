"""``blur:sigma``: smooth with a Gaussian."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.errors import SpellingError
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._gaussian import smooth

__all__ = ["Blur"]


@attrs.frozen
class Blur:
    """Blur each image with a Gaussian: fine texture and sharp contours go, coarse shape stays.

    The Gaussian ends after 4 sigma, or is a kernel of k x k pixels; the image is mirrored beyond its border.  The
    grid of Geirhos et al. is sigma = 1, 3, 5, 7, 10, 15, 40 on grey images of 224 pixels, that of Burgert et al. goes
    from k = 3, sigma = 0.33 to k = 15, sigma = 2.33.  ``low-pass`` is the filter with a sharp cut-off.

    Raises:
        SpellingError: k is even.

    Source: Geirhos et al. 2018, Generalisation in humans and deep neural networks, section 2; k: Burgert et al. 2025,
    ImageNet-trained CNNs are not biased towards texture, section 3.

    >>> import torch
    >>> step = torch.tensor([0.0, 1.0]).repeat_interleave(8).expand(1, 3, 8, 16)
    >>> Blur(sigma=1)(step, None)[0, 0, 0, 5:11]
    tensor([0.0046, 0.0586, 0.3005, 0.6995, 0.9414, 0.9954])
    """

    sigma: float = param("standard deviation of the Gaussian", default=3, gt=0, le=1000, unit="pixels")
    k: int | None = param("side of the kernel, odd; none ends it after 4 sigma", default=None, ge=1, unit="pixels")

    def __attrs_post_init__(self) -> None:
        if self.k is not None and self.k % 2 == 0:
            raise SpellingError(f"blur: k={self.k}: a kernel needs a middle pixel, so k must be odd; use {self.k + 1}")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Blur (N, 3, H, W) images in [0, 1]."""
        return smooth(images, self.sigma, reach=None if self.k is None else self.k // 2).clamp_(0, 1)
