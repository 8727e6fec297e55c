"""``patch-shuffle:k``: permute the tiles of a k x k grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.spelling.params import param
from shapebias.transforms._tiles import rearrange_tiles

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["PatchShuffle"]


@attrs.frozen
class PatchShuffle:
    """Cut each image into k x k tiles and permute them: local texture stays, global shape goes.

    Each image has its own uniform permutation, the same for every model.  No pixel is lost, turned or changed.  If k
    does not divide a side, the sizes of tiles differ by one pixel, and tiles are exchanged only with tiles of the same
    size.  The usual grid is k = 2, 4, 8.

    Raises:
        DataError: k is larger than a side of the images.

    Source: Zhang & Zhu 2019, section 3.3.

    >>> import torch
    >>> from shapebias.rng import ImageRandom
    >>> images = torch.rand(2, 3, 32, 32)
    >>> shuffled = PatchShuffle(k=4)(images, ImageRandom.for_images(0, "patch-shuffle", 0, ["cat.png", "dog.png"]))
    >>> torch.equal(shuffled.flatten().sort().values, images.flatten().sort().values)
    True
    """

    k: int = param("tiles per side", default=4, ge=1)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Shuffle (N, 3, H, W) images."""

        def permuted(size: int, tiles: Tensor) -> Tensor:
            return tiles[rng.permutation("tiles", size, len(tiles))]

        return rearrange_tiles(images, self.k, "patch-shuffle", permuted, whole_rows=True)
