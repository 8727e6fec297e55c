"""``quick``: shape bias and accuracies on generated stimuli, without a download."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import pandas as pd

from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference
from shapebias.spelling.params import param
from shapebias.study import Study, as_datasets
from shapebias.suites._rows import accuracy_row, cells_of, headline_table, shape_bias_row

__all__ = ["Quick"]

_MEASURES = {
    "conflict": "shape bias",
    "match": "accuracy, shape and texture agree",
    "shape": "accuracy, shape alone",
    "texture": "accuracy, texture alone",
}


@attrs.frozen
class Quick:
    """Shape bias and accuracies on generated stimuli, whose shape and texture are known exactly.

    The suite is for networks that were trained on the eight classes of the data set ``stimuli``.  The four cues follow
    Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", section 2.  There are no published values
    to compare with.

    Args:
        images: the number of images for each cue.
        size, contrast, seed: as for ``stimuli``; the seed must differ from that of the training images.
    """

    images: int = param("images of each cue; a multiple of 56 has all pairs equally often", default=560, ge=1)
    size: int = param("side of the images", default=64, ge=16, unit="pixels")
    contrast: float = param("light minus dark of the texture", default=0.12, ge=0, le=1, unit="pixel value")
    seed: int = param("another seed than that of the training images", default=1, ge=0, lt=2**63)

    human_answers: ClassVar[tuple[str, ...]] = ()
    published_models: ClassVar[tuple[str, ...]] = ()

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: one data set for each cue."""
        return Study(self._datasets, models, limit=limit)

    @property
    def _datasets(self) -> dict[str, str]:
        facts = f"images={self.images},size={self.size},contrast={self.contrast},seed={self.seed}"
        return {cue: f"stimuli:cue={cue},{facts}" for cue in _MEASURES}

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the shape bias on cue conflicts, and the accuracy with both cues and with one."""
        return headline_table(self._rows(results))

    def _rows(self, results: StudyResults) -> Iterator[dict[str, Any]]:
        for dataset, (cue, measure) in zip(as_datasets(self._datasets), _MEASURES.items(), strict=True):
            row = shape_bias_row if cue == "conflict" else accuracy_row
            for answers in cells_of(results, dataset.canonical):
                yield row(answers, measure)

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return nothing: no values on these stimuli are published."""
        return {}
