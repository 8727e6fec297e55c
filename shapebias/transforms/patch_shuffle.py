"""``patch-shuffle:k``: permute the tiles of a k x k grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.errors import DataError
from shapebias.params import param

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["PatchShuffle"]


@attrs.frozen
class PatchShuffle:
    """Cut each image into k x k tiles and permute them: local texture stays, global shape goes.

    Each image has its own uniform permutation, the same for every model.  No pixel is lost, turned or changed.  The
    usual grid is k = 2, 4, 8.

    Raises:
        DataError: the sides of the images are not divisible by k.

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
        count, channels, height, width = images.shape
        k = self.k
        self._check(height, width)
        tiles = images.reshape(count, channels, k, height // k, k, width // k)  # N, C, row, y, column, x
        tiles = tiles.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # N, tile, C, y, x
        order = rng.permutation("tiles", 0, k * k).view(count, k * k, 1, 1, 1)
        tiles = tiles.gather(1, order.expand_as(tiles))
        grid = tiles.view(count, k, k, channels, height // k, width // k)  # N, row, column, C, y, x
        return grid.permute(0, 3, 1, 4, 2, 5).reshape(images.shape)

    def _check(self, height: int, width: int) -> None:
        k = self.k
        if height % k or width % k:
            fitting = sorted({count * k for side in (height, width) for count in (side // k, -(-side // k))} - {0})
            raise DataError(
                f"patch-shuffle: images of {height} x {width} pixels cannot be cut into {k} x {k} equal tiles; "
                f"sides that fit: {', '.join(map(str, fitting))}; give the data set such a size, or choose another k"
            )
