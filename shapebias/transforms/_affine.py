"""Pixel values times a factor plus an offset."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["affine"]


def affine(values: Tensor, factor: float, offset: float) -> Tensor:
    """Return factor v + offset, computed in one pass over the memory, which on a CPU takes longer than the arithmetic.

    >>> affine(torch.tensor([0.0, 1.0]), 2, -1)
    tensor([-1.,  1.])
    """
    return torch.add(torch.tensor(offset, dtype=values.dtype), values, alpha=factor)
