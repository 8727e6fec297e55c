"""Saliency agreement: how similar the maps of two models are, or those of one model with and without a condition."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import attrs
import pandas as pd

from shapebias.metrics._similarity import ComparedMaps, overlap, spearman, ssim
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import mean
from shapebias.plugins.study_results import Maps, StudyResults
from shapebias.spelling.params import param

__all__ = ["SaliencyAgreement"]

_ROOM = 2**29  # bytes of prepared maps: those of 20 models for 14 images of 224 x 224 pixels


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
        prepared = _Prepared(self.top)
        rows = [
            row
            for first, second in _pairs(results)
            for row in _rows(first, second, prepared.pair(first, second), results.seed)
        ]
        note = (
            "" if rows else "no maps of one method by two models, or by one model under 'clean' and another condition"
        )
        return table(rows, "saliency", "measure", "other", "other_condition", note=note)


class _Prepared:
    """Maps that are ready to be compared; the last ones are kept, as many as there is room for.

    Args:
        top: share of the pixels that count as the largest.
    """

    def __init__(self, top: float) -> None:
        self._top = top
        self._kept: OrderedDict[tuple[int, tuple[str, ...]], ComparedMaps] = OrderedDict()

    def pair(self, first: Maps, second: Maps) -> tuple[ComparedMaps, ComparedMaps]:
        """Take the magnitudes of the maps of the images that both have, in one order."""
        ids = tuple(sorted({*first.ids} & {*second.ids}))
        return self._of(first, ids), self._of(second, ids)

    def _of(self, maps: Maps, ids: tuple[str, ...]) -> ComparedMaps:
        key = id(maps), ids  # the caller keeps all maps, so none has the identity of an earlier one
        if key not in self._kept:
            positions = {image: position for position, image in enumerate(maps.ids)}
            self._kept[key] = ComparedMaps(abs(maps.maps[[positions[image] for image in ids]]), self._top)
        self._kept.move_to_end(key)
        while len(self._kept) > 2 and sum(each.nbytes for each in self._kept.values()) > _ROOM:
            self._kept.popitem(last=False)
        return self._kept[key]


def _rows(
    first: Maps, second: Maps, compared: tuple[ComparedMaps, ComparedMaps], seed: int
) -> Iterator[dict[str, Any]]:
    facts = {"saliency": first.saliency, "other": second.model, "other_condition": second.condition}
    for measure, function in (("spearman", spearman), ("ssim", ssim), ("top-overlap", overlap)):
        yield record(first, "saliency-agreement", mean(function(*compared), seed), **facts, measure=measure)


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
