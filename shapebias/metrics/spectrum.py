"""Spectrum: the spatial frequencies of saliency maps, or of gradients with respect to the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import CellNames, StudyResults

__all__ = ["Spectrum", "radial_power"]

_ROUNDING = 1e-20  # what rounding leaves in the Fourier transform of a constant, relative to its power


@attrs.frozen
class Spectrum:
    """Share of the power in each octave of spatial frequency, and the mean frequency, averaged over images.

    Rows of saliency maps name the method in the column ``saliency``; rows of the probe ``gradient-spectrum`` name it in
    ``probe``.  The mean of a map, its frequency 0, is left out.  Field 1987, "Relations between the statistics of
    natural images and the response properties of cortical cells": power in octaves.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return rows ``spectrum``, one per octave, and one row ``mean-frequency``, for each cell."""
        rows = [
            row
            for cell in results.maps()
            for row in _rows(cell, radial_power(cell.maps), results.seed, saliency=cell.saliency)
        ]
        for cell in results.values():
            power = cell.values.get("power")  # noqa: PD011 - a mapping, no data frame
            if power is not None:
                rows += _rows(cell, power, results.seed, saliency=cell.saliency, probe=cell.probe)
        note = "" if rows else "no finished saliency maps, and no probe gradient-spectrum"
        return table(rows, "saliency", "probe", "from_cycles", "to_cycles", note=note)


def _rows(cell: CellNames, power: NDArray[Any], seed: int, **facts: str | None) -> Iterator[dict[str, Any]]:
    rings = np.arange(power.shape[1])
    whole = power.sum(axis=1, keepdims=True)
    power = np.where(rings > 0, power, 0).astype(np.float64)
    total = power.sum(axis=1, keepdims=True)
    shares = power / np.where(total > _ROUNDING * whole, total, np.nan)  # NaN: the same everywhere
    low = 1
    while low < len(rings):
        octave = (rings >= low) & (rings < 2 * low)
        share = mean(shares[:, octave].sum(axis=1), seed)
        yield record(cell, "spectrum", share, **facts, from_cycles=low, to_cycles=min(2 * low, len(rings)))
        low *= 2
    yield record(cell, "mean-frequency", mean(shares @ rings, seed), **facts)


def radial_power(maps: NDArray[Any]) -> NDArray[np.float64]:
    """Return the power of each map at each whole number of cycles along the shorter side, (N, R).

    Args:
        maps: (N, H, W).
    """
    height, width = maps.shape[1:]
    short = min(height, width)
    down, across = np.fft.fftfreq(height, 1 / short), np.fft.fftfreq(width, 1 / short)
    ring = np.rint(np.hypot(down[:, None], across)).astype(int).ravel()
    power = abs(np.fft.fft2(maps.astype(np.float64), norm="ortho")).reshape(len(maps), -1) ** 2
    return np.stack([np.bincount(ring, one) for one in power])
