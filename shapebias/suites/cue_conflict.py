"""``cue-conflict``: shape bias on the published stimuli, and accuracy on images with only the shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import pandas as pd

from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference, references
from shapebias.study import Study, as_datasets
from shapebias.suites._rows import accuracy_row, cells_of, headline_table, shape_bias_row

__all__ = ["CueConflict"]

_SHAPE_BIAS = "shape bias"
_DATASETS = ("cue-conflict", "edges", "silhouettes")
_ACCURACIES = {"edges": "accuracy, edges", "silhouettes": "accuracy, silhouettes"}


@attrs.frozen
class CueConflict:
    """Shape bias on 1,280 images with the shape of one class and the texture of another; accuracy on 320 others.

    The others are 160 edges and 160 silhouettes, which show only the shape.  People have classified the same images.
    The suite is for networks whose outputs can be mapped to the 16 entry-level classes, such as those of ImageNet-1k.

    Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture; increasing shape bias improves accuracy and
    robustness", sections 2 and 3.
    """

    human_answers: ClassVar[tuple[str, ...]] = ("cue-conflict", "edge", "silhouette")
    published_models: ClassVar[tuple[str, ...]] = ("resnet50 (texture-vs-shape)", "alexnet (texture-vs-shape)")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: three published data sets, unchanged."""
        return Study(_DATASETS, models, limit=limit)

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the shape bias over all images with a conflict, and two accuracies."""
        return headline_table(self._rows(results))

    def _rows(self, results: StudyResults) -> Iterator[dict[str, Any]]:
        conflict, *others = as_datasets(_DATASETS)
        for answers in cells_of(results, conflict.canonical):
            yield shape_bias_row(answers, _SHAPE_BIAS)
        for dataset in others:
            for answers in cells_of(results, dataset.canonical):
                yield accuracy_row(answers, _ACCURACIES[dataset.name])

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the published values of shape bias on these stimuli."""
        return {_SHAPE_BIAS: references("shape-bias")}
