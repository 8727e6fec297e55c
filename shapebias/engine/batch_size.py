"""Choose how many images a network gets at once."""

from __future__ import annotations

import torch

from shapebias.errors import StudyError
from shapebias.study.config import is_whole

__all__ = ["check_counts", "usual_batch_size", "usual_chunk"]

# On a CPU, larger batches do not fit into the cache and make the kernel map fresh memory for every layer.
_IMAGES_OF_224 = {"cpu": 16, "cuda": 256}
# A backward pass holds every layer's output.  With 8 images MobileNetV2 takes a fifth less time than with 16, and
# SqueezeNet some per cent more (benchmarks/chunk.py).  No clock chooses it, so that a study gives the same maps again.
_IN_A_BACKWARD_PASS_OF_224 = {"cpu": 8, "cuda": 256}
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
    return _as_many_as(_IMAGES_OF_224.get(device.type, 16), pixels)


def usual_chunk(pixels: int, device: torch.device) -> int:
    """Return how many images go through a network forward and backward at once, where the user gives no number.

    Args:
        pixels: the pixels of one image.
        device: where the network is.

    >>> usual_chunk(224 * 224, torch.device("cpu")), usual_chunk(112 * 112, torch.device("cpu"))
    (8, 32)
    """
    return _as_many_as(_IN_A_BACKWARD_PASS_OF_224.get(device.type, 16), pixels)


def _as_many_as(images_of_224: int, pixels: int) -> int:
    return max(1, min(images_of_224 * 224 * 224 // pixels, _MOST_IMAGES))
