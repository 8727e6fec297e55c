"""Saliency agreement: how similar the maps of two models are, or those of one model with and without a condition."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._similarity import overlap, spearman, ssim
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import Maps, StudyResults
from shapebias.spelling.params import param

__all__ = ["SaliencyAgreement"]


@attrs.frozen
class SaliencyAgreement:
    """Spearman's rank correlation, structural similarity and overlap of the largest pixels, of two maps of one image.

    For each method the metric compares the magnitudes of the maps of every two models under one condition (column
    ``other``), and of the maps of one model under each condition with its clean maps (column ``other_condition``).
    Conditions that move pixels are not compared with clean, because they move the object.

    Args:
        top: share of the pixels that count as the largest.
    """

    top: float = param("share of the pixels that count as the largest", default=0.1, gt=0, le=1)

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each pair of cells and measure, with a bootstrap interval over images."""
        rows = [row for first, second in _pairs(results) for row in self._rows(first, second, results.seed)]
        note = (
            "" if rows else "no maps of one method by two models, or by one model under 'clean' and another condition"
        )
        return table(rows, "saliency", "measure", "other", "other_condition", note=note)

    def _rows(self, first: Maps, second: Maps, seed: int) -> Iterator[dict[str, Any]]:
        one, other = _common(first, second)
        measures = {
            "spearman": spearman(one, other),
            "ssim": ssim(one, other),
            "top-overlap": overlap(one, other, self.top),
        }
        facts = {"saliency": first.saliency, "other": second.model, "other_condition": second.condition}
        for measure, values in measures.items():
            yield record(first, "saliency-agreement", mean(values, seed), **facts, measure=measure)


def _pairs(results: StudyResults) -> Iterator[tuple[Maps, Maps]]:
    between_models: dict[object, list[Maps]] = {}
    clean: dict[object, Maps] = {}
    cells = list(results.maps())
    for maps in cells:
        key = (maps.dataset, maps.condition, maps.eps, maps.saliency)
        between_models.setdefault(key, []).append(maps)
        if maps.texts["condition"] == "clean":
            clean[maps.dataset, maps.model, maps.saliency] = maps
    for group in between_models.values():
        yield from itertools.combinations(group, 2)
    for maps in cells:
        before = clean.get((maps.dataset, maps.model, maps.saliency))
        if before is not None and before is not maps and not maps.moves_pixels:
            yield maps, before


def _common(first: Maps, second: Maps) -> tuple[NDArray[Any], NDArray[Any]]:
    """Take the magnitudes of the maps of the images that both have, in one order."""
    positions = {image: position for position, image in enumerate(second.ids)}
    ids = sorted(image for image in first.ids if image in positions)
    own = {image: position for position, image in enumerate(first.ids)}
    one, other = first.maps, second.maps
    return abs(one[[own[image] for image in ids]]), abs(other[[positions[image] for image in ids]])
