"""``patch-rotate:k``: turn each tile of a k x k grid by a random multiple of 90 degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from shapebias.spelling.params import param
from shapebias.transforms._tiles import rearrange_tiles

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["PatchRotate"]


@attrs.frozen
class PatchRotate:
    """Cut each image into k x k tiles and rotate each in place: contours break at the tiles' borders.

    A square tile is turned by 0, 90, 180 or 270 degrees, equally likely.  A tile that is not square, for example
    because k does not divide the side of the image, is turned by 0 or 180 degrees, equally likely.  No pixel is lost
    or changed.  The grid of the source is k = 2, 4, ..., 16.

    Raises:
        DataError: k is larger than a side of the images.

    Source: Burgert et al. 2025, ImageNet-trained CNNs are not biased towards texture, section 3.

    >>> from shapebias.rng import ImageRandom
    >>> images = torch.rand(2, 3, 32, 32)
    >>> turned = PatchRotate(k=4)(images, ImageRandom.for_images(0, "patch-rotate", 0, ["cat.png", "dog.png"]))
    >>> torch.equal(turned.flatten().sort().values, images.flatten().sort().values)
    True
    """

    k: int = param("tiles per side", default=4, ge=1)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Turn the tiles of (N, 3, H, W) images."""

        def turned(size: int, tiles: Tensor) -> Tensor:
            step = 1 if tiles.shape[-1] == tiles.shape[-2] else 2  # quarter turns, or half turns
            turns = torch.stack([tiles.rot90(quarter, dims=(-2, -1)) for quarter in range(0, 4, step)])
            drawn = rng.integers("turns", size, (len(tiles),), high=len(turns))
            return turns[drawn, torch.arange(len(tiles), device=tiles.device)]

        return rearrange_tiles(images, self.k, "patch-rotate", turned)
