"""Filters that corruptions share: padding, Gaussian smoothing, zoom, motion blur and bilinear sampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Border", "motion_blurred", "padded", "sampled_bilinear", "smooth", "zoomed"]

Border: TypeAlias = Literal["nearest", "mirror", "reflect"]
"""Values beyond the border, in scipy's terms: ``nearest`` aa|abc|cc, ``mirror`` cb|abc|ba, ``reflect`` ba|abc|cb."""


def _inside(positions: Tensor, side: int, border: Border) -> Tensor:
    """Return the index of the pixel at each integer position inside or outside of a row of ``side`` pixels."""
    if border == "nearest":
        return positions.clamp(0, side - 1)
    twice = border == "reflect"  # the outermost pixel is repeated
    period = 2 * side if twice else max(2 * (side - 1), 1)
    positions = positions % period
    return torch.minimum(positions, period - twice - positions)


def padded(images: Tensor, width: int, border: Border) -> Tensor:
    """Add a border of ``width`` pixels around (..., H, W), which may be wider than the image."""
    rows, columns = (
        _inside(torch.arange(-width, side + width, device=images.device), side, border) for side in images.shape[-2:]
    )
    return images[..., rows[:, None], columns]


def smooth(images: Tensor, sigma: float, border: Border = "nearest", reach: float = 4) -> Tensor:
    """Smooth (..., H, W) with a Gaussian that ends after ``reach`` standard deviations.

    >>> smooth(torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]]), sigma=1)
    tensor([[0.0540, 0.2420, 0.3989, 0.2420, 0.0540]])
    """
    rows, columns = (_gaussian(side, sigma, border, reach).to(images) for side in images.shape[-2:])
    return rows @ images @ columns.T


def _gaussian(side: int, sigma: float, border: Border, reach: float) -> Tensor:
    """Return a matrix (side, side): row i has the weights of the pixels in pixel i of the result."""
    radius = int(reach * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    weights /= weights.sum()
    positions = _inside(torch.arange(side)[:, None] + offsets, side, border)
    return torch.zeros(side, side, dtype=torch.float64).scatter_add_(1, positions, weights.expand(side, -1))


def zoomed(images: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of (N, C, H, W) and keep the size; corners stay corners, other pixels are bilinear."""
    size = images.shape[-2:]
    window = [math.ceil(side / factor) for side in size]
    enlarged = [round(side * factor) for side in window]
    middle = _middle(images, window)
    return _middle(functional.interpolate(middle, enlarged, mode="bilinear", align_corners=True), size)


def _middle(images: Tensor, size: Sequence[int]) -> Tensor:
    top, left = ((have - want) // 2 for have, want in zip(images.shape[-2:], size, strict=True))
    return images[..., top : top + size[0], left : left + size[1]]


def motion_blurred(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Blur each image in its own direction with one half of a Gaussian, like ImageMagick's ``-motion-blur``.

    Offsets are whole pixels, so that nothing is interpolated; the outermost pixels are repeated beyond the border.

    Args:
        images: (N, C, H, W).
        radius: the half Gaussian ends after 2 radius pixels.
        sigma: its standard deviation in pixels.
        angles: (N,) in degrees; 0 takes pixels from the right, 90 from below.
    """
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    directions = torch.deg2rad(angles.cpu().double())[:, None]
    down, across = ((steps * part - 0.5).ceil().long() + 2 * radius for part in (directions.sin(), directions.cos()))
    height, width = images.shape[-2:]
    wide = padded(images, 2 * radius, "nearest")
    result = torch.zeros_like(images)
    # Image by image: slices cost much less than indices of every pixel.
    for into, source, tops, lefts in zip(result, wide, down.tolist(), across.tolist(), strict=True):
        for weight, top, left in zip(weights.tolist(), tops, lefts, strict=True):
            into.add_(source[:, top : top + height, left : left + width], alpha=weight)
    return result


def sampled_bilinear(images: Tensor, y: Tensor, x: Tensor, border: Border) -> Tensor:
    """Sample (N, C, H, W) at the positions ``y``, ``x``, (N, H, W), bilinearly between four neighbours."""
    height, width = images.shape[-2:]
    top, left = y.floor(), x.floor()
    rows = [_inside(top.long() + step, height, border) for step in (0, 1)]
    columns = [_inside(left.long() + step, width, border) for step in (0, 1)]

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).flatten(1)[:, None].expand(-1, images.shape[1], -1)
        return images.flatten(2).gather(2, index).view(images.shape)

    across, down = ((position - whole).to(images)[:, None] for position, whole in ((x, left), (y, top)))
    upper, lower = (torch.lerp(at(row, columns[0]), at(row, columns[1]), across) for row in rows)
    return torch.lerp(upper, lower, down)
