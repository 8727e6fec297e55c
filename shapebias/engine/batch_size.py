"""Choose how many images go through a network at once."""

from __future__ import annotations

import torch

from shapebias.errors import StudyError
from shapebias.study.config import is_whole

__all__ = ["check_counts", "usual_batch_size"]

# On a CPU more pixels at once leave its cache and make the kernel map fresh memory for every layer.
_IMAGES_OF_224 = {"cpu": 16, "cuda": 256}
_MOST_IMAGES = 1024
_MOST = 2**31


def check_counts(least: int = 1, **counts: int | None) -> None:
    """Refuse what is not a whole number, or is too small or too large.

    Raises:
        StudyError: one is not a whole number from ``least`` to 2**31.
    """
    for name, value in counts.items():
        if value is not None and not (is_whole(value, least) and value <= _MOST):
            raise StudyError(f"{name} is {value!r}; give a whole number from {least} to {_MOST}, or leave it out")


def usual_batch_size(pixels: int, device: torch.device) -> int:
    """Return how many images go through a network at once, where the user gives no number.

    Args:
        pixels: the pixels of one image.
        device: where the network is.
    """
    return max(1, min(_IMAGES_OF_224.get(device.type, 16) * 224 * 224 // pixels, _MOST_IMAGES))
