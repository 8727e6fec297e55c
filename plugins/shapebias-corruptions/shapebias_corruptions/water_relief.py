"""The relief of drops of water, in integers as in OpenCV, so that it is the same on every device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from shapebias_corruptions.filters import Border, padded

__all__ = ["water_relief"]

_SOBEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
_BOX = ((1, 1, 1),) * 3
_EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
_LOW, _HIGH = 50, 150  # thresholds of Canny's detector
_TAN = 13573  # of 22.5 degrees, times 2^15
_ONE = 1 << 16  # one pixel
_FARTHEST = 20
# The distances of a 5 x 5 chamfer, by their square: Borgefors 1986, Distance transformations in digital images.
_COSTS = {1: 1.0, 2: 1.4, 5: 2.1969}
_STEPS = [
    (down, across, round(_ONE * _COSTS[down**2 + across**2]))
    for down in range(-2, 3)
    for across in range(-2, 3)
    if down**2 + across**2 in _COSTS
]


def water_relief(liquid: Tensor) -> Tensor:
    """Return the brightness of drops: their height times the embossed distance from their rims, at most 1 per image.

    Args:
        liquid: (N, H, W) int from 0, none, to 255.

    Returns:
        (N, H, W) float64 in [0, 1]; 0 where there is no drop.
    """
    distance = _distance(_edges(liquid))
    blurred = torch.div(_correlated(distance, _BOX, "mirror"), 9 * _ONE, rounding_mode="floor")
    embossed = _correlated(_equalised(blurred), _EMBOSS, "mirror").clamp(0, 255)
    shine = liquid * (_correlated(embossed, _BOX, "mirror") / 9).round()
    return shine.double() / shine.amax(dim=(1, 2), keepdim=True).clamp(min=1)


def _correlated(images: Tensor, kernel: tuple[tuple[int, ...], ...], border: Border) -> Tensor:
    """Correlate (N, H, W) int32 with a 3 x 3 kernel of whole numbers."""
    wide, total = padded(images, 1, border), torch.zeros_like(images)
    for i, row in enumerate(kernel):
        for j, weight in enumerate(row):
            if weight:
                total.add_(_shifted(wide, 1, i - 1, j - 1), alpha=weight)
    return total


def _shifted(wide: Tensor, width: int, down: int, across: int) -> Tensor:
    """Return, for each pixel inside a border, the pixel at the given offset."""
    height, length = (side - 2 * width for side in wide.shape[-2:])
    return wide[..., width + down : width + down + height, width + across : width + across + length]


def _edges(images: Tensor) -> Tensor:
    """Find edges by Canny's detector with the L1 norm, (N, H, W) bool.

    Source: Canny 1986, A computational approach to edge detection; ties are resolved as in OpenCV.
    """
    across, down = (
        _correlated(images, _SOBEL, "nearest"),
        _correlated(images, tuple(zip(*_SOBEL, strict=True)), "nearest"),
    )
    strength = across.abs() + down.abs()
    wide = functional.pad(strength, (1, 1, 1, 1))
    steepness, flat = down.abs() << 15, across.abs() * _TAN
    horizontal, vertical = steepness < flat, steepness > flat + (across.abs() << 16)
    falling = (across ^ down) >= 0  # the gradient points down and to the right, or up and to the left

    def neighbour(side: int) -> Tensor:
        diagonal = torch.where(falling, _shifted(wide, 1, side, side), _shifted(wide, 1, side, -side))
        straight = torch.where(horizontal, _shifted(wide, 1, 0, side), _shifted(wide, 1, side, 0))
        return torch.where(horizontal | vertical, straight, diagonal)

    after = neighbour(1)
    ridge = (strength > neighbour(-1)) & torch.where(horizontal | vertical, strength >= after, strength > after)
    ridge &= strength > _LOW
    edges = ridge & (strength > _HIGH)
    while not torch.equal(grown := ridge & _spread(edges), edges):
        edges = grown
    return edges


def _spread(edges: Tensor) -> Tensor:
    """Set the eight pixels around each that is set, (N, H, W) bool; many times faster on a CPU than pooling."""
    wide = functional.pad(edges, (1, 1, 1, 1))
    rows = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
    return rows[..., :-2] | rows[..., 1:-1] | rows[..., 2:]


def _distance(edges: Tensor) -> Tensor:
    """Return the distance to the nearest edge, at most 20 pixels, (N, H, W) int32 in 1 / 65,536 of a pixel."""
    farthest = _FARTHEST * _ONE
    distance = torch.where(edges, 0, farthest).int()
    height, width = distance.shape[1:]
    # The shortest way takes one kind of step several times and then a second kind: 1, 2, 4, ... steps at a time.
    for down, across, cost in 2 * _STEPS:
        steps = 1
        while steps * cost < farthest and steps * abs(down) < height and steps * abs(across) < width:
            here, there = (
                distance[
                    :,
                    max(0, way * down * steps) : height + min(0, way * down * steps),
                    max(0, way * across * steps) : width + min(0, way * across * steps),
                ]
                for way in (1, -1)
            )
            torch.minimum(here, there + steps * cost, out=here)
            steps *= 2
    return distance


def _equalised(images: Tensor) -> Tensor:
    """Equalise the histogram of each image, (N, H, W) from 0 to 255."""
    values = images.flatten(1).long()
    counts = torch.zeros(len(images), 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(1, values, torch.ones_like(values))
    darker = counts.cumsum(1)
    lowest = darker.gather(1, values.amin(dim=1, keepdim=True))  # number of pixels with the lowest value of the image
    levels = (darker - lowest) * (255 / (values.shape[1] - lowest).clamp(min=1))
    return levels.round().int().gather(1, values).view(images.shape)
