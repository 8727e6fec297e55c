"""``texture-only``: fill the image with patches from inside the object."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.runtime.device import on_float64_device
from shapebias.spelling.params import param

__all__ = ["TextureOnly"]


@attrs.frozen
class TextureOnly:
    """Fill the image with square patches from inside the object: its texture stays, its outline goes.

    The side of the patches is ``patch`` times that of the largest square inside the mask, rounded down to whole
    pixels.  The image is cut into such squares from its top left corner, and each is filled with a random patch from
    inside the mask.

    Raises:
        DataError: a mask is empty.

    Source: Ge et al. 2022, Contributions of shape, texture, and color in visual recognition, section 3.1, with 2 x 2
    patches.

    >>> images = torch.tensor([0.1, 0.1, 0.8, 0.8, 0.1, 0.1]).expand(1, 3, 6, 6)
    >>> rng = ImageRandom.for_images(0, "texture-only", 0, ["cat.png"])
    >>> TextureOnly()(images, rng, mask=images[:, 0] > 0.5).unique()
    tensor([0.8000])
    """

    patch: float = param("side of the patches, as a share of the largest square inside", default=0.5, gt=0, le=1)

    def __call__(self, images: Tensor, rng: ImageRandom, *, mask: Tensor) -> Tensor:
        """Fill (N, 3, H, W) images in [0, 1] with the texture inside (N, H, W) bool masks."""
        height, width = mask.shape[-2:]
        sums = functional.pad(mask.cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32), (1, 0, 1, 0))
        largest = _largest_square(sums)
        if not largest.all():
            raise DataError(f"texture-only: {int((largest == 0).sum())} of {len(mask)} masks are empty; leave them out")
        side = (on_float64_device(largest).double() * self.patch).long().clamp(min=1).to(largest.device)
        drawn = rng.integers("patches", 0, (height * width,), high=2**31).view(-1, height, width)
        down, across = (-(-length // int(side.min())) for length in (height, width))  # the most squares of an image
        corners = _corners(sums, side, drawn[:, :down, :across].flatten(1))
        rows = torch.arange(height, device=mask.device).view(-1, 1)
        columns = torch.arange(width, device=mask.device)
        side = side.view(-1, 1, 1)
        square = rows // side * across + columns // side
        inside = rows % side * width + columns % side
        source = corners.gather(1, square.flatten(1)) + inside.flatten(1)
        return images.flatten(2).gather(2, source[:, None].expand(-1, 3, -1)).view(images.shape)


def _largest_square(sums: Tensor) -> Tensor:
    """Return (N,) sides of the largest square inside each mask, found bit by bit."""
    side = sums.new_zeros(len(sums))
    for bit in reversed(range(min(sums.shape[1:]).bit_length())):
        larger = side + 2**bit
        side = torch.where(_fits(sums, larger).flatten(1).any(dim=1), larger, side)
    return side


def _fits(sums: Tensor, side: Tensor) -> Tensor:
    """Return where the top left corner of a square can be such that the square is inside the mask.

    Args:
        sums: (N, H + 1, W + 1), sums of the mask above and to the left of each corner of a pixel.
        side: (N,), sides of the squares.

    Returns:
        (N, H, W) bool.
    """
    height, width = sums.shape[1] - 1, sums.shape[2] - 1
    below = (torch.arange(height, device=sums.device) + side[:, None]).clamp(max=height)
    right = (torch.arange(width, device=sums.device) + side[:, None]).clamp(max=width)
    bands = sums.gather(1, below[:, :, None].expand(-1, -1, width + 1)) - sums[:, :-1]
    squares = bands.gather(2, right[:, None].expand(-1, height, -1)) - bands[:, :, :-1]
    return squares == side.view(-1, 1, 1).square()


def _corners(sums: Tensor, side: Tensor, drawn: Tensor) -> Tensor:
    """Choose (N, M) positions of top left corners with numbers drawn from [0, 2^31), all equally likely."""
    rank = _fits(sums, side).flatten(1).cumsum(1)
    return torch.searchsorted(rank, (drawn * rank[:, -1:] >> 31) + 1)
