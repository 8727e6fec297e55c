"""The random changes of Square in each ball: its start, and one square."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import LP_BALLS, ImageRandom, Norm

__all__ = ["SQUARES", "Squares", "bump_and_dent"]


class Squares(Protocol):
    """Random changes of N images, (N, 3, H, W), that stay in the ball and in [0, 1]."""

    smallest: int

    def start(self, images: Tensor, eps: float, rng: ImageRandom, index: int) -> Tensor:
        """Return the first points, on the surface of the ball."""

    def change(self, images: Tensor, found: Tensor, eps: float, side: int, rng: ImageRandom, index: int) -> Tensor:
        """Return the points found so far, with other pixels in one square."""


class Linf:
    """Squares with one value in each channel, +eps or -eps."""

    smallest = 1

    def start(self, images: Tensor, eps: float, rng: ImageRandom, index: int) -> Tensor:
        """Draw vertical stripes."""
        channels, _, width = images.shape[1:]
        return (images + eps * _signs(rng, "stripes", index, (channels, 1, width))).clamp(0, 1)

    def change(self, images: Tensor, found: Tensor, eps: float, side: int, rng: ImageRandom, index: int) -> Tensor:
        """Change one square (algorithm 2): any value plus or minus 2 eps is projected to +eps or -eps."""
        ends = (images + eps * _signs(rng, "sign", index, (images.shape[1], 1, 1))).clamp(0, 1)
        (corners,) = _corners(rng, index, 1, side, images)
        return torch.where(_inside(corners, side, images), ends, found)


class L2:
    """Squares with a bump and a dent, whose norm is taken from another square."""

    smallest = 3

    def start(self, images: Tensor, eps: float, rng: ImageRandom, index: int) -> Tensor:
        """Tile the image, five tiles along its shorter side, and scale the whole to the sphere."""
        channels, height, width = images.shape[1:]
        side = max(min(height, width) // 5, 1)
        down, across = height // side, width // side
        signs = _signs(rng, "tiles", index, (channels, down, across))
        turned = rng.integers("turn", index, (1, down, across), high=2).bool()
        tile = bump_and_dent(side, images)
        signs, turned = (each.repeat_interleave(side, 2).repeat_interleave(side, 3) for each in (signs, turned))
        pattern = signs * torch.where(turned, tile.T.repeat(down, across), tile.repeat(down, across))
        top, left = (height - down * side) // 2, (width - across * side) // 2
        border = (left, width - across * side - left, top, height - down * side - top)
        return (images + eps * LP_BALLS["l2"].steepest_ascent(functional.pad(pattern, border))).clamp(0, 1)

    def change(self, images: Tensor, found: Tensor, eps: float, side: int, rng: ImageRandom, index: int) -> Tensor:
        """Change one square, and remove another (algorithm 3)."""
        perturbation = found - images
        corners, others = _corners(rng, index, 2, side, images)
        here, there = _inside(corners, side, images), _inside(others, side, images)
        turned = rng.integers("turn", index, (1, 1, 1), high=2).bool()
        tile = bump_and_dent(side, images)
        bump = torch.where(turned, _placed(tile.T, corners, images), _placed(tile, corners, images))
        signs = _signs(rng, "sign", index, (images.shape[1], 1, 1))

        unused = (eps**2 - perturbation.square().sum(dim=(1, 2, 3), keepdim=True)).clamp_min(0)
        available = ((perturbation * (here | there)).square().sum(dim=(2, 3), keepdim=True) + unused / 3).sqrt()
        direction = torch.where(here, signs * bump + _unit(perturbation * here), 0)
        changed = torch.where(here, available * _unit(direction), torch.where(there, 0, perturbation))
        return (images + LP_BALLS["l2"].project(changed, eps)).clamp(0, 1)


SQUARES: dict[Norm, Squares] = {"linf": Linf(), "l2": L2()}


def bump_and_dent(side: int, like: Tensor) -> Tensor:
    """Return a square of length 1: its upper half rises to its middle in steps, its lower half falls.

    Source: Andriushchenko et al. 2020, equation 2.

    >>> bump_and_dent(2, torch.zeros(1)).round(decimals=3)
    tensor([[ 0.1390,  0.6930],
            [-0.1390, -0.6930]])
    """
    upper = side // 2
    square = torch.cat([_bump(upper, side, like), -_bump(side - upper, side, like)])
    length: Tensor = torch.linalg.vector_norm(square)
    return square / length


def _bump(height: int, width: int, like: Tensor) -> Tensor:
    """Return at distance d from the middle the sum of 1 / (j + 1)^2 over j = d ... n, the distance of the far edge."""
    steps = torch.arange(1, max(height, width) // 2 + 2, dtype=like.dtype, device=like.device) ** -2.0
    heights = steps.flip(0).cumsum(0).flip(0)
    rows, columns = (torch.arange(count, device=like.device) for count in (height, width))
    return heights[torch.maximum((rows - height // 2).abs()[:, None], (columns - width // 2).abs())]


def _signs(rng: ImageRandom, stream: str, index: int, shape: tuple[int, ...]) -> Tensor:
    return 2 * rng.integers(stream, index, shape, high=2) - 1


def _corners(rng: ImageRandom, index: int, squares: int, side: int, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Draw the first row and the first column, each (N,), of some squares of every image."""
    rows, columns = (length - side + 1 for length in images.shape[2:])
    positions = rng.integers("corners", index, (squares,), high=rows * columns)
    return [(position // columns, position % columns) for position in positions.unbind(1)]


def _steps_from(corners: tuple[Tensor, Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far rows are below the corners (N, 1, H, 1), and columns to the right of them (N, 1, 1, W)."""
    height, width = images.shape[2:]
    top, left = (corner.view(-1, 1, 1, 1) for corner in corners)
    down = torch.arange(height, device=images.device)[:, None] - top
    return down, torch.arange(width, device=images.device) - left


def _inside(corners: tuple[Tensor, Tensor], side: int, images: Tensor) -> Tensor:
    down, right = _steps_from(corners, images)
    return (down >= 0) & (down < side) & (right >= 0) & (right < side)


def _placed(square: Tensor, corners: tuple[Tensor, Tensor], images: Tensor) -> Tensor:
    """Place a square with its upper left at each corner; outside it the values are arbitrary."""
    down, right = (steps.clamp(0, len(square) - 1) for steps in _steps_from(corners, images))
    return square[down, right]


def _unit(channels: Tensor) -> Tensor:
    """Scale each channel to length 1; zero stays zero."""
    length = channels.square().sum(dim=(2, 3), keepdim=True).sqrt()
    return channels / length.clamp_min(torch.finfo(channels.dtype).tiny)
