"""``c-pixelate``: fewer pixels on the same area.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["Pixelate"]

_SCALE = PublishedConstants(imagenet=(0.6, 0.5, 0.4, 0.3, 0.25), cifar=(0.95, 0.9, 0.85, 0.75, 0.65))


@attrs.frozen
class Pixelate:
    """Make the image smaller, each new pixel the mean of the whole pixels that it covers, and enlarge it again."""

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        (rows, down), (columns, across) = (
            _cells(side, max(1, int(side * _SCALE.of(self)))) for side in images.shape[2:]
        )
        small = (rows.to(images) @ images @ columns.T.to(images)).clamp_(0, 1)
        # Across first: rows are repeated whole, which takes much less than single pixels.
        return small.index_select(3, across.to(images.device)).index_select(2, down.to(images.device))


def _cells(side: int, fewer: int) -> tuple[Tensor, Tensor]:
    """Return the weights of the pixels in each cell, (fewer, side), by the box filter of Pillow, and each pixel's cell.

    >>> weights, cell = _cells(4, 2)
    >>> weights
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.5000, 0.5000]], dtype=torch.float64)
    >>> cell
    tensor([0, 0, 1, 1])
    """
    # In integers, 2 x side x fewer to the image: a pixel with its centre on a boundary belongs to the cell before it.
    rims = 2 * side * torch.arange(fewer + 1)[:, None]
    centres = fewer * (2 * torch.arange(side) + 1)
    covered = ((rims[:-1] < centres) & (centres <= rims[1:])).double()
    nearest = centres // (2 * side)
    return covered / covered.sum(dim=1, keepdim=True), nearest
