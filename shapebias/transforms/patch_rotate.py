"""``patch-rotate:k``: turn each tile of a k x k grid by a random multiple of 90 degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.spelling.params import param
from shapebias.transforms._tiles import tilings

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

    >>> import torch
    >>> from shapebias.rng import ImageRandom
    >>> images = torch.rand(2, 3, 32, 32)
    >>> turned = PatchRotate(k=4)(images, ImageRandom.for_images(0, "patch-rotate", 0, ["cat.png", "dog.png"]))
    >>> torch.equal(turned.flatten().sort().values, images.flatten().sort().values)
    True
    """

    k: int = param("tiles per side", default=4, ge=1)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Turn the tiles of (N, 3, H, W) images."""
        result = images.clone()
        for size, tiling in enumerate(tilings(images, self.k, "patch-rotate")):
            tiles = tiling.cut(images)
            step = 1 if tiles.shape[-1] == tiles.shape[-2] else 2  # quarter turns, or half turns
            turns = step * rng.integers("turns", size, (tiles.shape[1],), high=4 // step)
            turned = tiles.clone()
            for quarter in range(step, 4, step):
                chosen = (turns == quarter)[..., None, None, None]
                turned = tiles.rot90(quarter, dims=(-2, -1)).where(chosen, turned)
            tiling.put(turned, result)
        return result
