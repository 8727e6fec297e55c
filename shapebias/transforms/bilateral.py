"""``bilateral:d,sigma_colour,sigma_space``: smooth surfaces, keep edges."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._neighbours import average_neighbours

__all__ = ["Bilateral"]

_LEAST_EXPONENT = -80  # where exp() underflows it takes 60 times as long on a CPU


@attrs.frozen
class Bilateral:
    """Average each pixel with those neighbours that are near in position and in colour: texture goes, edges stay.

    The weight of a neighbour is exp(-r^2 / 2 sigma_space^2) exp(-c^2 / 2 sigma_colour^2), r the distance in pixels and
    c = |dR| + |dG| + |dB|.  Neighbours are those with r <= max(floor(d / 2), 1); the image is mirrored beyond its
    border.  This is OpenCV's ``bilateralFilter(image, d, 255 sigma_colour, sigma_space)`` without its
    rounding to 8 bits.  The grid of Burgert et al. goes from d = 4, sigma_colour = 50/255 to d = 14, sigma_colour =
    200/255.

    Source: Tomasi & Manduchi 1998, Bilateral filtering for gray and color images; the grid: Burgert et al. 2025,
    ImageNet-trained CNNs are not biased towards texture, section 3.

    >>> import torch
    >>> step = torch.tensor([0.0, 0.1, 0.9, 1.0]).expand(1, 3, 4, 4)
    >>> Bilateral(d=3, sigma_colour=0.2, sigma_space=75)(step, None)[0, 0, 0]
    tensor([0.0178, 0.0902, 0.9098, 0.9822])
    """

    d: int = param("diameter of the neighbourhood", default=12, ge=1, unit="pixels")
    sigma_colour: float = param("standard deviation in colour", default=170 / 255, gt=0, unit="pixel value")
    sigma_space: float = param("standard deviation in position", default=75, gt=0, unit="pixels")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Filter (N, 3, H, W) images in [0, 1]."""
        reach = max(self.d // 2, 1)
        near = [
            (down, across)
            for down in range(reach + 1)
            for across in range(-reach if down else 1, reach + 1)
            if down**2 + across**2 <= reach**2
        ]

        def weigh(differences: Tensor, displacement: tuple[int, int]) -> Tensor:
            red, green, blue = differences.abs_().split(1, dim=1)
            distance = red.add_(green).add_(blue)
            exponent = sum(part**2 for part in displacement) / (-2 * self.sigma_space**2)
            weight: Tensor = distance.square_().mul_(1 / (-2 * self.sigma_colour**2)).add_(exponent)
            return weight.clamp_min_(_LEAST_EXPONENT).exp_()

        return average_neighbours(images, near, weigh, reach=reach).clamp_(0, 1)
