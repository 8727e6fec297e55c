"""Gaussian smoothing of images, and its derivatives, as one matrix for each side."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["gaussian", "mirrored", "smooth", "smoothing"]

_BLOCK = 32  # rows that are smoothed at a time
_REACH = 4  # standard deviations after which the Gaussian ends


def smooth(images: Tensor, sigma: float, *, down: int = 0, across: int = 0, reach: int | None = None) -> Tensor:
    """Smooth images with a Gaussian, or take the first derivative of the smoothed image.

    The image is mirrored beyond its border, without repeating the outermost pixel.

    Args:
        images: (..., H, W).
        sigma: standard deviation in pixels.
        down, across: order of the derivative along rows and columns, 0 or 1.
        reach: pixels on either side of the centre at which the Gaussian ends; None is 4 sigma.

    Returns:
        (..., H, W).

    >>> smooth(torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]]), sigma=1)
    tensor([[0.1080, 0.2464, 0.3992, 0.2464, 0.1080]])
    """
    reach = max(1, round(_REACH * sigma)) if reach is None else reach
    height, width = images.shape[-2:]
    rows, columns = (
        smoothing(side, gaussian(sigma, reach, order)).to(images) for side, order in ((height, down), (width, across))
    )
    down_only, smoothed = (torch.empty_like(images, memory_format=torch.contiguous_format) for _ in range(2))
    for inside, around in _blocks(height, reach):
        torch.matmul(rows[inside, around], images[..., around, :], out=down_only[..., inside, :])
    lines, result = (each.flatten(end_dim=-2) for each in (down_only, smoothed))
    for inside, around in _blocks(width, reach):
        torch.mm(lines[:, around], columns[inside, around].T, out=result[:, inside])
    return smoothed


def _blocks(side: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """Yield some pixels of a side, and those with weights in them: a quarter of all where the Gaussian is narrow."""
    block = max(_BLOCK, reach)
    for start in range(0, side, block):
        yield slice(start, start + block), slice(max(0, start - reach), start + block + reach)


def gaussian(sigma: float, reach: int, order: int = 0) -> Tensor:
    """Return the weights of a Gaussian, or of its first derivative, (2 reach + 1,); those of a Gaussian sum to 1."""
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    return weights * offsets / sigma**2 if order else weights


def smoothing(side: int, weights: Tensor) -> Tensor:
    """Return a matrix (side, side): row i has the weights of the pixels in pixel i of the result.

    Args:
        side: number of pixels.
        weights: (2 reach + 1,), those of a pixel and its neighbours.
    """
    reach = len(weights) // 2
    positions = mirrored(side, reach).unfold(0, 2 * reach + 1, 1)
    return torch.zeros(side, side, dtype=weights.dtype).scatter_add_(1, positions, weights.expand(side, -1))


def mirrored(side: int, reach: int) -> Tensor:
    """Return the indices of a row of pixels that is mirrored by ``reach`` at both ends, (side + 2 reach,).

    >>> mirrored(4, 2)
    tensor([2, 1, 0, 1, 2, 3, 2, 1])
    """
    period = max(2 * (side - 1), 1)
    positions = torch.arange(-reach, side + reach) % period
    return torch.minimum(positions, period - positions) % side
