"""``c-glass-blur``: pixels moved a little, between two light blurs.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.filters import smooth
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["GlassBlur"]

_GLASS = PublishedConstants(  # standard deviation of the blurs, largest displacement of a pixel, rounds
    imagenet=((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    cifar=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
)


@attrs.frozen
class GlassBlur:
    """Blur, replace every pixel by a nearby one, blur again.

    The released code is meant to swap each pixel, from the last to the first, with a pixel at most that far away.  In
    numpy such a swap of rows of a 3-d array copies only in one direction: the pixel becomes its partner, which may have
    been replaced before, and the partner stays.  The published images were made in this way, and so are these.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        sigma, reach, rounds = _GLASS.of(self)
        moved = smooth(images, sigma).flatten(2)
        for index in range(rounds):
            offsets = rng.integers("offsets", index, (2, *images.shape[2:]), high=2 * reach) - reach
            moved = moved.gather(2, _sources(offsets, reach)[:, None].expand(-1, moved.shape[1], -1))
        return smooth(moved.view(images.shape), sigma).clamp(0, 1)


def _sources(offsets: Tensor, reach: int) -> Tensor:
    """Return the source of each pixel, (N, H W), when they are replaced one after the other.

    If the partner of a pixel was replaced before, the pixel gets the partner's new value; so partners are followed up
    to one that had not been replaced.  All pixels are followed at once, twice as far in each round.

    Args:
        offsets: (N, 2, H, W), from each pixel to its partner, down and across.
        reach: distance from the border within which pixels do not change.
    """
    height, width = offsets.shape[2:]
    own = torch.arange(height * width, device=offsets.device)
    row, column = own // width, own % width
    replaced = (row > reach) & (row <= height - reach) & (column > reach) & (column <= width - reach)
    down, across = offsets.flatten(2).unbind(1)
    partner = torch.where(replaced, own + down * width + across, own)
    way = torch.where(replaced[partner] & (partner > own), partner, own)
    while not torch.equal(further := way.gather(1, way), way):
        way = further
    return partner.gather(1, way)
