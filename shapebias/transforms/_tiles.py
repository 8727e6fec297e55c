"""Images as tiles of a k x k grid, also if k does not divide their sides."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs
import torch
from torch import Tensor

from shapebias.errors import DataError

__all__ = ["Tiling", "tilings"]


@attrs.frozen(eq=False)
class Tiling:
    """The tiles of one size, which are the intersections of some rows of the grid with some of its columns.

    Args:
        down, across: indices of the pixels of these rows and columns, (rows * height,) and (columns * width,).
        rows, columns: number of rows and columns of the grid that have such tiles.
    """

    down: Tensor
    across: Tensor
    rows: int
    columns: int

    def cut(self, images: Tensor) -> Tensor:
        """Return the tiles of (N, C, H, W) images row by row, (N, rows * columns, C, height, width)."""
        count, channels = images.shape[:2]
        part = images[..., self.down[:, None], self.across]
        grid = part.reshape(
            count, channels, self.rows, len(self.down) // self.rows, self.columns, len(self.across) // self.columns
        )
        return grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)

    def put(self, tiles: Tensor, images: Tensor) -> None:
        """Write tiles, ordered as :meth:`cut` returns them, into the images."""
        count, _, channels, height, width = tiles.shape
        grid = tiles.view(count, self.rows, self.columns, channels, height, width).permute(0, 3, 1, 4, 2, 5)
        images[..., self.down[:, None], self.across] = grid.reshape(
            count, channels, self.rows * height, self.columns * width
        )


def tilings(images: Tensor, k: int, plugin: str) -> Iterator[Tiling]:
    """Cut (N, C, H, W) images into a k x k grid, and yield its tiles by size, the smallest first.

    Row i of the grid begins at pixel floor(i H / k), and columns likewise.  If k does not divide a side, tiles have two
    sizes along it, which differ by one pixel and are spread evenly.

    Raises:
        DataError: k is larger than a side.
    """
    height, width = images.shape[-2:]
    if k > min(height, width):
        raise DataError(
            f"{plugin}: images of {height} x {width} pixels cannot be cut into {k} x {k} tiles; choose k up to "
            f"{min(height, width)}, or larger images"
        )
    for down, rows in _by_size(height, k, images.device):
        for across, columns in _by_size(width, k, images.device):
            yield Tiling(down, across, rows, columns)


def _by_size(side: int, k: int, device: torch.device) -> Iterator[tuple[Tensor, int]]:
    """Yield for each size the pixels of the parts of that size, and the number of these parts."""
    edges = [part * side // k for part in range(k + 1)]
    parts = [range(start, end) for start, end in itertools.pairwise(edges)]
    for size in sorted({len(part) for part in parts}):
        same = [part for part in parts if len(part) == size]
        yield torch.tensor([pixel for part in same for pixel in part], device=device), len(same)
