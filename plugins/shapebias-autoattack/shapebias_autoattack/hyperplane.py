"""The nearest point of a hyperplane within the box of pixel values."""

from __future__ import annotations

import torch
from torch import Tensor

from shapebias.plugin import Norm

__all__ = ["to_hyperplane"]


def to_hyperplane(points: Tensor, normals: Tensor, heights: Tensor, norm: Norm) -> Tensor:
    """Find the smallest d with <normal, d> = -height for which point + d stays in [0, 1].

    Every pixel moves towards the hyperplane until it reaches the end of its range: with linf all at the same speed,
    with l2 at a speed proportional to its component of the normal.  The distance covered is a concave, piecewise linear
    function of time, on which Newton's method never overshoots and ends at the exact time; the paper
    instead sorts the pixels by the time at which they stop.

    If the hyperplane does not meet the box, d leads to the corner of the box nearest to it.

    Source: Croce & Hein 2020, Minimally distorted adversarial examples, section 2.2 and equation 5.

    Args:
        points: (N, ...) in [0, 1].
        normals: normal vectors of the same shape.
        heights: (N,), heights of the points above the hyperplane, times the length of the normal.
        norm: the norm in which d is smallest.

    >>> half = torch.tensor([[0.5, 0.5]])
    >>> to_hyperplane(half, torch.tensor([[1.0, 3.0]]), torch.tensor([1.0]), "linf")
    tensor([[-0.2500, -0.2500]])
    >>> to_hyperplane(half, torch.tensor([[1.0, 3.0]]), torch.tensor([1.0]), "l2")
    tensor([[-0.1000, -0.3000]])
    """
    flat, normal, wanted = points.flatten(1), normals.flatten(1), heights.abs()[:, None]
    direction = -heights.sign()[:, None] * normal.sign()
    room = torch.where(direction > 0, 1 - flat, flat)
    gain = normal.abs()
    speed = torch.ones_like(gain) if norm == "linf" else gain
    limits = torch.finfo(flat.dtype)

    stops = room / speed.clamp_min(limits.tiny)
    time = torch.zeros_like(wanted)
    while True:
        stopped = stops <= time
        done = torch.where(stopped, gain * room, 0).sum(dim=1, keepdim=True)
        rate = torch.where(stopped, 0, gain * speed).sum(dim=1, keepdim=True)
        later = ((wanted - done) / rate).clamp_max(limits.max)  # the end, where every pixel has stopped
        if not (later > time).any():
            break
        time = torch.where(later > time, later, time)
    return (direction * torch.minimum(time * speed, room)).view_as(points)
