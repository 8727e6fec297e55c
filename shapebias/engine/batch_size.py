"""Choose how many images a network gets at once."""

from __future__ import annotations

import torch

from shapebias.errors import StudyError
from shapebias.study.config import is_whole

__all__ = ["check_counts", "usual_batch_size"]

# On a CPU, larger batches do not fit into the cache and make the kernel map fresh memory for every layer.
_IMAGES_OF_224 = {"cpu": 16, "cuda": 256}
_MOST_IMAGES = 1024
_MOST = 2**31


def check_counts(least: int = 1, **counts: int | None) -> None:
    """Check that all counts are whole numbers in range; None is allowed.

    Raises:
        StudyError: a count is not a whole number from ``least`` to 2**31.
    """
    for name, value in counts.items():
        if value is not None and not (is_whole(value, least) and value <= _MOST):
            raise StudyError(f"{name} is {value!r}; give a whole number from {least} to {_MOST}, or leave it out")


def usual_batch_size(pixels: int, device: torch.device) -> int:
    """Return the default batch size.

    Args:
        pixels: the number of pixels of one image.
        device: the device of the network.
    """
    return max(1, min(_IMAGES_OF_224.get(device.type, 16) * 224 * 224 // pixels, _MOST_IMAGES))
