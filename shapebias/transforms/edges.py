"""``edges``: a line drawing by Canny's edge detector."""

from __future__ import annotations

import math
from typing import Literal

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._gaussian import smooth
from shapebias.transforms._luma import luma

__all__ = ["Edges"]

_LOW = 0.4  # of the high threshold
_EQUAL = 1e-5


@attrs.frozen
class Edges:
    """Draw the edges that Canny's detector finds as thin lines: contours stay, surfaces go.

    1. Luma is smoothed with a Gaussian of width sigma; the length of its gradient is in units of the height of a step.
    2. A pixel is a ridge if that length is the largest of three points one pixel apart along the direction of the
       gradient; the two outer points are interpolated.
    3. A ridge is an edge if the length exceeds ``high``, or if it exceeds ``low`` and one of the eight pixels around it
       is an edge.

    ``high`` is the length that the share ``flat`` of all pixels does not exceed, ``low`` is 0.4 of it: the rule of
    MATLAB's ``edge(I, 'canny')``, with which the source made its stimuli.  Steps of less than 1/255 are not edges.

    Source: Canny 1986, A computational approach to edge detection; as stimuli, Geirhos et al. 2019, ImageNet-trained
    CNNs are biased towards texture, section 2.

    >>> step = torch.zeros(1, 3, 8, 8)
    >>> step[..., 4:] = 1
    >>> Edges()(step, None)[0, 0, 0]
    tensor([1., 1., 1., 1., 0., 1., 1., 1.])
    """

    sigma: float = param("width of the smoothing", default=1.4, gt=0, le=1000, unit="pixels")
    flat: float = param("share of pixels whose gradient is too small to begin an edge", default=0.7, ge=0, lt=1)
    lines: Literal["dark", "light"] = param("dark lines on white, or light lines on black", default="dark")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Draw the edges of (N, 3, H, W) images in [0, 1]."""
        grey = luma(images)
        down, across = smooth(grey, self.sigma, down=1), smooth(grey, self.sigma, across=1)
        length = torch.hypot(down, across) * (self.sigma * math.sqrt(2 * math.pi))  # 1 at a step from black to white
        ridge = _is_ridge(length, down, across)
        high = length.flatten(1).quantile(self.flat, dim=1).clamp(min=1 / 255).view(-1, 1, 1)
        edges = _grown(ridge & (length > high), ridge & (length > _LOW * high))
        drawn = edges if self.lines == "light" else ~edges
        return drawn[:, None].to(images.dtype).expand_as(images).contiguous()


def _is_ridge(length: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Tell where the (N, H, W) length of the gradient is largest along the gradient's direction.

    The direction of the gradient meets the square of the eight pixels around a pixel between a corner and the middle
    of a side; there the length is interpolated.  Of two equal lengths, as on both sides of a sharp step, the one on the
    brighter side is the ridge; the tolerance keeps rounding from deciding.
    """
    width = length.shape[-1] + 2
    padded = functional.pad(length, (1, 1, 1, 1)).flatten(1)
    position = torch.arange(padded.shape[1], dtype=torch.int32, device=length.device).view(-1, width)[1:-1, 1:-1]
    steepness, flatness = down.abs(), across.abs()
    # A CPU computes with 32 bits, and without ``where``, several times as fast.
    step_down, step_across = down.sign().int().mul_(width), across.sign().int()
    to_side = (step_down - step_across).mul_((steepness > flatness).int()).add_(step_across)
    to_corner = step_down.add_(step_across)
    # Where nothing changes this is 0 / 0, which is NaN.
    share = torch.minimum(steepness, flatness).div_(torch.maximum(steepness, flatness)).nan_to_num_(0)

    def beside(direction: int) -> Tensor:
        side, corner = (
            padded.gather(1, torch.add(position, step, alpha=direction).long().flatten(1)).view_as(length)
            for step in (to_side, to_corner)
        )
        return side.lerp_(corner, share)

    return (length >= beside(-1) - _EQUAL) & (length > beside(1) + _EQUAL)


def _grown(edges: Tensor, ridges: Tensor) -> Tensor:
    """Let (N, H, W) edges grow along the ridges that they touch, until nothing changes."""
    result, rows = edges.clone(), torch.arange(len(edges), device=edges.device)
    while len(rows):
        grown = _spread(_spread(edges, -2), -1) & ridges
        # As bytes: a CPU finds their maximum many times as fast as it tells whether any bool is set.
        grows = (grown ^ edges).flatten(1).byte().amax(dim=1).bool()
        edges = grown
        if not grows.all():  # the images that are finished, of which some take a tenth of the rounds of others
            result[rows[~grows]] = edges[~grows]
            edges, ridges, rows = edges[grows], ridges[grows], rows[grows]
    return result


def _spread(edges: Tensor, axis: int) -> Tensor:
    """Set the pixels on both sides of those that are set; many times faster here than pooling."""
    wide, length = edges.clone(), edges.shape[axis] - 1
    wide.narrow(axis, 1, length).logical_or_(edges.narrow(axis, 0, length))
    wide.narrow(axis, 0, length).logical_or_(edges.narrow(axis, 1, length))
    return wide
