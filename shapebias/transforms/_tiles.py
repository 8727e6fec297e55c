"""Images as tiles of a k x k grid, also if k does not divide their sides."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from shapebias.errors import DataError

__all__ = ["rearrange_tiles"]


def rearrange_tiles(
    images: Tensor, k: int, plugin: str, rearrange: Callable[[int, Tensor], Tensor], *, whole_rows: bool = False
) -> Tensor:
    """Cut images into a k x k grid, and rearrange the pixels of tiles of the same size, the smallest size first.

    Row i of the grid begins at pixel floor(i H / k), and columns likewise.  If k does not divide a side, tiles have two
    sizes along it, which differ by one pixel and are spread evenly.

    Args:
        images: (N, C, H, W).
        k: tiles per side.
        plugin: its name, for messages.
        rearrange: called with the number of the size and the positions of the pixels of T tiles, (T, height, width)
            int32; returns for each image the positions that these pixels are taken from, (N, T, height, width).
        whole_rows: rows of a tile stay as they are, so if k divides the width they count as one pixel: a CPU copies
            them several times as fast.

    Raises:
        DataError: k is larger than a side.
    """
    height, width = images.shape[-2:]
    if k > min(height, width):
        raise DataError(
            f"{plugin}: images of {height} x {width} pixels cannot be cut into {k} x {k} tiles; choose k up to "
            f"{min(height, width)}, or larger images"
        )
    run = width // k if whole_rows and width % k == 0 else 1  # pixels of a row that stay side by side
    # Of one image in 32 bits, which a CPU moves twice as fast.
    positions = torch.arange(height * width // run, dtype=torch.int32, device=images.device).view(height, -1)
    sources = positions.new_empty(len(images), positions.numel())
    grid = itertools.product(*(_by_size(side, k, images.device) for side in positions.shape))
    for size, (rows, columns) in enumerate(grid):
        # (rows of the grid, columns of the grid, height, width) of the tiles.
        tiles = positions[rows[:, None, :, None], columns[:, None, :]].flatten(0, 1)
        sources.scatter_(1, tiles.flatten().long().expand(len(images), -1), rearrange(size, tiles).flatten(1))
    sources = sources + positions.numel() * torch.arange(len(images), device=images.device)[:, None]  # now 64 bits
    # Decoded images have the channels of a pixel side by side.
    pixels = images.permute(0, 2, 3, 1)
    taken = pixels.reshape(-1, run * images.shape[1]).index_select(0, sources.flatten())
    return taken.view(pixels.shape).permute(0, 3, 1, 2)


def _by_size(side: int, k: int, device: torch.device) -> list[Tensor]:
    """Return the pixels of the parts of each size, (parts, size)."""
    edges = [part * side // k for part in range(k + 1)]
    parts = [range(start, end) for start, end in itertools.pairwise(edges)]
    sizes = sorted({len(part) for part in parts})
    return [torch.tensor([part for part in parts if len(part) == size], device=device) for size in sizes]
