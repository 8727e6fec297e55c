"""The nearest point of a hyperplane within the box of pixel values."""

from __future__ import annotations

import torch
from torch import Tensor

from shapebias.attacks.balls import Norm

__all__ = ["to_hyperplane"]


def to_hyperplane(points: Tensor, normals: Tensor, heights: Tensor, norm: Norm) -> Tensor:
    """Find the smallest d with <normal, d> = -height for which point + d stays in [0, 1].

    Every pixel moves towards the plane until it meets the end of its range: with linf all at one speed, with l2 at a
    speed proportional to its part of the normal.  How far along the plane is reached is a piecewise linear function of
    time, whose corners are the times at which pixels stop; the right piece is found by sorting them.

    Where the plane misses the box, d leads to the box's corner nearest to it.

    Source: Croce & Hein 2020, Minimally distorted adversarial examples, section 2.2 and equation 5.

    Args:
        points: (N, ...) in [0, 1].
        normals: of the same shape.
        heights: (N,) of the points above the plane, times the length of the normal.
        norm: in which d is smallest.

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

    stops, order = (room / speed.clamp_min(limits.tiny)).sort(dim=1)
    done = (gain * room).gather(1, order).cumsum(dim=1)  # by the pixels that have stopped
    rates = (gain * speed).gather(1, order)
    moving = rates.flip(1).cumsum(dim=1).flip(1)  # of this pixel and of all that stop later
    reached = done + stops * (moving - rates)
    piece = (reached < wanted).sum(dim=1, keepdim=True)

    last = flat.shape[1] - 1
    before = torch.where(piece > 0, done.gather(1, (piece - 1).clamp_min(0)), 0)
    time = (wanted - before) / moving.gather(1, piece.clamp_max(last))
    time = torch.where(piece > last, torch.inf, time).nan_to_num(0).clamp(0, limits.max)
    return (direction * torch.minimum(time * speed, room)).view_as(points)
