"""The average of each pixel with its neighbours, where two pixels have the same weight for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from shapebias.transforms._gaussian import mirrored

__all__ = ["average_neighbours"]


def average_neighbours(
    images: Tensor,
    displacements: Iterable[tuple[int, int]],
    weigh: Callable[[Tensor, tuple[int, int]], Tensor],
    *,
    reach: int,
    margin: int = 0,
) -> Tensor:
    """Average each pixel with the pixels at some displacements and at the opposite ones; its own weight is 1.

    The mirrored image is laid out row after row, so that a displacement is a shift along one axis, each pair of pixels
    is weighed once, and every operation takes one piece of memory.  Pairs across the ends of rows only reach pixels
    of the border, which is cut off.

    Args:
        images: (N, C, H, W), mirrored beyond the border without repeating the outermost pixel.
        displacements: rows down and columns across, one of each two opposite ones.
        weigh: called with the differences of all pairs, (N, C, L), which it may overwrite, and the displacement;
            returns the weights, (N, 1, L - 2 margin (W + 2 reach + 2 margin + 1)), without those pixels at both ends
            whose surroundings are not complete.
        reach: the largest displacement along one axis.
        margin: how far the surroundings go that ``weigh`` looks at.

    Returns:
        (N, C, H, W).
    """
    (height, width), border = images.shape[-2:], reach + margin
    rows, columns = (mirrored(side, border).to(images.device) for side in (height, width))
    wide = images.index_select(-2, rows).index_select(-1, columns)
    pitch = wide.shape[-1]
    # A last channel of ones sums up the weights.
    pixels = torch.cat([wide, torch.ones_like(wide[:, :1])], dim=1).flatten(2).contiguous()
    total, spare, skipped = pixels.clone(), torch.empty_like(pixels[:, :-1]), margin * (pitch + 1)
    for down, across in displacements:
        count = pixels.shape[-1] - down * pitch - across
        here, there = pixels[..., :count], pixels[..., -count:]
        weight = weigh(torch.sub(here[:, :-1], there[:, :-1], out=spare[..., :count]), (down, across))
        inside = slice(skipped, skipped + weight.shape[-1])
        total[..., :count][..., inside].addcmul_(weight, there[..., inside])
        total[..., -count:][..., inside].addcmul_(weight, here[..., inside])
    total = total.unflatten(2, wide.shape[-2:])[..., border : border + height, border : border + width]
    mean: Tensor = total[:, :-1] / total[:, -1:]
    return mean
