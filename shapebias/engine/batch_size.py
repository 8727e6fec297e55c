"""Choose how many images go through a network at once."""

from __future__ import annotations

import torch

from shapebias.engine.plan import pixels
from shapebias.errors import StudyError
from shapebias.study import Study

__all__ = ["check_counts", "images_at_once", "images_of"]


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


def images_at_once(study: Study, device: torch.device) -> int:
    """Choose how many images go through a network at once, by the size of the study's largest image."""
    return images_of(max(pixels(dataset) for dataset in study.datasets), device)


def images_of(size: int, device: torch.device) -> int:
    """Choose how many images of so many pixels go through a network at once."""
    return max(1, min(_IMAGES_OF_224.get(device.type, 16) * 224 * 224 // size, _MOST_IMAGES))
