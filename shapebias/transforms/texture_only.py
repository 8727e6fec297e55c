"""``texture-only``: fill the image with patches from inside the object."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        squares = _squares(mask)
        largest, _ = _inside(squares, lambda _, larger: larger.flatten(1).amax(dim=1))
        if not largest.all():
            raise DataError(f"texture-only: {int((largest == 0).sum())} of {len(mask)} masks are empty; leave them out")
        side = (on_float64_device(largest).double() * self.patch).long().clamp(min=1).to(largest.device)
        down, across = (-(-length // int(side.min())) for length in (height, width))  # the most squares of an image
        # The numbers are counted along the whole width, of which the first ``across`` are needed.
        drawn = rng.integers("patches", 0, (down, width), high=2**31)[..., :across]
        _, fits = _inside(squares, lambda bit, _: side >> bit & 1)
        corners = _corners(fits, drawn.flatten(1)).view(drawn.shape)
        side = side[:, None]
        rows, columns = (torch.arange(length, device=mask.device).expand(len(mask), -1) for length in (height, width))
        # First the position that each column of a row of squares begins at, then each pixel's.
        tops = corners.gather(2, (columns // side)[:, None].expand(-1, down, -1)) + (columns % side)[:, None]
        source = tops[torch.arange(len(mask), device=mask.device)[:, None], rows // side]
        source += (rows % side * width)[:, :, None]
        return images.flatten(2).gather(2, source.flatten(1)[:, None].expand(-1, 3, -1)).view(images.shape)


def _squares(mask: Tensor) -> list[Tensor]:
    """Return where squares with sides of 1, 2, 4, ... are inside (N, H, W) masks, by their top left corners.

    Here and below, 0 and 1 as bytes: a CPU computes with them many times as fast as with bools.
    """
    inside = [mask.byte()]
    while (side := 2 ** len(inside)) <= min(mask.shape[1:]):
        inside.append(_grown(inside[-1], side // 2))
    return inside


def _grown(fits: Tensor, more: int) -> Tensor:
    """Let squares of at least ``more`` pixels grow by ``more``: the larger one is covered by four of the smaller."""
    height, width = fits.shape[1:]
    both = fits[:, : height - more] & fits[:, more:]
    return functional.pad(both[..., : width - more] & both[..., more:], (0, more, 0, more))


def _inside(squares: Sequence[Tensor], take: Callable[[int, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Build a square for each mask bit by bit, from the largest bit of its side on.

    Args:
        squares: those of :func:`_squares`.
        take: called with a bit and where the square would fit with it, (N, H, W); tells for which masks to take it, 1
            or 0.

    Returns:
        The sides, (N,) int64, and where the top left corner can be such that the square is inside the mask, (N, H, W).
    """
    fits = torch.ones_like(squares[0])
    side = torch.zeros(len(fits), dtype=torch.long, device=fits.device)
    for bit, square in reversed(list(enumerate(squares))):
        # Where a larger square fits, so does a smaller one.
        larger = square & (_grown(fits, 2**bit) | (side == 0).byte().view(-1, 1, 1))
        taken = take(bit, larger)
        fits &= larger | (1 - taken.byte()).view(-1, 1, 1)
        side += taken.long() << bit
    return side, fits


def _corners(fits: Tensor, drawn: Tensor) -> Tensor:
    """Choose (N, M) positions of top left corners with numbers drawn from [0, 2^31), all equally likely."""
    rank = fits.flatten(1).cumsum(1, dtype=torch.int32)
    return torch.searchsorted(rank, ((drawn * rank[:, -1:] >> 31) + 1).int())
