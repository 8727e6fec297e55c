"""A data set that counts how often each of its images is decoded."""

from __future__ import annotations

import threading

import attrs
import numpy as np

from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Sample
from shapebias.plugins.specs import DatasetSpec

__all__ = ["Counting", "counting"]


@attrs.frozen
class Counting:
    """Images of noise with masks."""

    images: int
    decoded: list[int] = attrs.field(factory=list, eq=False, metadata={"spelled": False})
    classes = ("one", "two")
    _lock = threading.Lock()

    def __len__(self):
        return self.images

    def __getitem__(self, row):
        with self._lock:
            self.decoded.append(row)
        pixels = np.random.default_rng(row).integers(256, size=(16, 16, 3), dtype=np.uint8)
        return Sample(pixels, f"{row}.png", row % 2, mask=pixels[..., 0] > 99)


def counting(images):
    return Component(DatasetSpec("counting", Counting), Counting(images))
