"""``configural``: whether a model uses the arrangement of the pieces of an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pandas as pd

from shapebias.metrics.configural_shape import ConfiguralShape
from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference, references
from shapebias.spelling.grammar import spell_scalar
from shapebias.spelling.params import param
from shapebias.study import Study, as_datasets
from shapebias.suites._rows import Selection, renamed

__all__ = ["Configural"]

_SCORE = "configural shape score"


@attrs.frozen
class Configural:
    """Configural Shape Score: the share of pairs of images, made of the same pieces, that are both classified right.

    The stimuli are the visual anagrams, 72 pairs of nine animals.  The score of an animal is the largest of its
    ImageNet-1k logits (``aggregate=max``).  Chance is 1/81.  A model that uses the pieces, and not their arrangement,
    classifies at most one image of each pair right.

    Doshi et al. 2025, "Visual anagrams reveal hidden differences in holistic shape processing across vision models".

    Args:
        path: a folder of images named as published; none takes the published ones.
    """

    path: Path | None = param("folder of images named as published; none takes the published ones", default=None)

    human_answers: ClassVar[tuple[str, ...]] = ()
    published_models: ClassVar[tuple[str, ...]] = ("resnet50", "resnet50_trained_on_SIN", "DINOv2-B")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: the unchanged anagrams; pairs of which a limit leaves one image do not count."""
        return Study(self._dataset, models, limit=limit, aggregate="max")

    @property
    def _dataset(self) -> str:
        return "visual-anagrams" if self.path is None else f"visual-anagrams:path={spell_scalar(str(self.path))}"

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the score of each model."""
        (dataset,) = as_datasets(self._dataset)
        found = ConfiguralShape()(Selection(results, {dataset.canonical}))
        counts = "{n} pairs, chance {chance:.3f}; {accuracy:.3f} of the images right"
        return renamed(found, {"configural-shape": _SCORE}, counts)

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the published scores of networks and of people."""
        return {_SCORE: references("configural-shape")}
