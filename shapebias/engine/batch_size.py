"""Choose how many images go through a network at once."""

from __future__ import annotations

import torch

from shapebias.errors import StudyError

__all__ = ["check_counts", "usual_batch_size"]

# On a CPU more pixels at once leave its cache and make the kernel map fresh memory for every layer.
_IMAGES_OF_224 = {"cpu": 16, "cuda": 256}
_MOST_IMAGES = 1024


def check_counts(least: int = 1, **counts: int | None) -> None:
    """Refuse numbers that are too small.

    Raises:
        StudyError: one is less than ``least``.
    """
    for name, value in counts.items():
        if value is not None and value < least:
            raise StudyError(f"{name} is {value}; give at least {least}, or leave it out")


def usual_batch_size(pixels: int, device: torch.device) -> int:
    """Return how many images go through a network at once, where the user gives no number.

    Args:
        pixels: the pixels of one image.
        device: where the network is.
    """
    return max(1, min(_IMAGES_OF_224.get(device.type, 16) * 224 * 224 // pixels, _MOST_IMAGES))
