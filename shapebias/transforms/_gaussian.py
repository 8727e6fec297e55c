"""Gaussian smoothing of images, and its derivatives, as one matrix for each side."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["smooth"]

_REACH = 4  # standard deviations after which the Gaussian ends


def smooth(images: Tensor, sigma: float, *, down: int = 0, across: int = 0) -> Tensor:
    """Smooth images with a Gaussian, or take the first derivative of the smoothed image.

    Beyond its border the image goes on as its mirror image, the outermost pixel standing once.

    Args:
        images: (..., H, W).
        sigma: standard deviation in pixels.
        down, across: order of the derivative along rows and columns, 0 or 1.

    Returns:
        (..., H, W).

    >>> smooth(torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]]), sigma=1)
    tensor([[0.1080, 0.2464, 0.3992, 0.2464, 0.1080]])
    """
    height, width = images.shape[-2:]
    rows, columns = (_matrix(side, sigma, order) for side, order in ((height, down), (width, across)))
    return rows.to(images) @ images @ columns.T.to(images)


def _matrix(side: int, sigma: float, order: int) -> Tensor:
    """Return (side, side): row i has the weights with which the pixels make pixel i of the result."""
    reach = max(1, round(_REACH * sigma))
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    weights /= weights.sum()
    if order:
        weights *= offsets.double() / sigma**2
    period = max(2 * (side - 1), 1)
    places = (torch.arange(side)[:, None] + offsets) % period
    places = torch.minimum(places, period - places) % side
    return torch.zeros(side, side, dtype=torch.float64).scatter_add_(1, places, weights.expand(side, -1))
