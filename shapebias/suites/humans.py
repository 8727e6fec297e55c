"""``humans``: a model's accuracies and errors compared with those of people, on the 17 sets of model-vs-human."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pandas as pd

from shapebias.datasets.model_vs_human import HumanSet
from shapebias.metrics.human_consistency import HumanConsistency
from shapebias.plugins.study_results import StudyResults
from shapebias.published.human_sets import human_sets
from shapebias.published.references import Reference, references
from shapebias.spelling.params import param
from shapebias.study import Study

__all__ = ["Humans"]

_ALL = "model-vs-human, 17 sets"
_MEASURES = {
    "accuracy-difference": "accuracy difference from people, squared",
    "observed-consistency": "observed consistency with people",
    "error-consistency": "error consistency with people",
    "ood-accuracy": "accuracy, out of distribution",
}


def _every_set() -> tuple[str, ...]:
    return tuple(human_sets())


@attrs.frozen
class Humans:
    """Accuracy, and consistency of errors with people, averaged over the sets of model-vs-human.

    The numbers are those of the metric ``human-consistency``; they need people's answers, which are fetched.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", section 2.

    Args:
        sets: which of the 17 sets; none takes all.
    """

    sets: tuple[HumanSet, ...] = param("which of the 17 sets; none takes all", default=())

    @property
    def human_answers(self) -> tuple[str, ...]:
        """The sets of the study; people's answers are published for all of them."""
        return self.sets or _every_set()

    @property
    def published_models(self) -> tuple[str, ...]:
        """Three networks whose accuracy on all sets is published."""
        return () if self.sets else ("resnet50", "CLIP ViT-B", "BagNet-33")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: each published set, unchanged."""
        return Study([f"model-vs-human:{name}" for name in self.human_answers], models, limit=limit)

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return four numbers of each model, and of people among themselves, averaged over the sets."""
        found = HumanConsistency()(results)
        averaging = "all" if (found["averaging"] == "all").any() else "set"
        kept = found[found["averaging"] == averaging]
        counts = [self._counted(n, sets) for n, sets in zip(kept["n"], kept["sets"], strict=True)]
        return kept.assign(measure=kept["measure"].map(_MEASURES), counts=counts, condition="clean")

    def _counted(self, images: int, sets: int) -> str:
        """Count images, and sets where some have no answers of people."""
        asked = len(self.human_answers)
        return f"{images:,} images" if sets == asked else f"{images:,} images, {sets} of {asked} sets"

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the published values over all sets, or over the only set."""
        names = self.human_answers
        dataset = names[0] if len(names) == 1 else None if self.sets else _ALL
        found = {
            measure: tuple(one for one in references(f"human-consistency:{name}") if one.dataset == dataset)
            for name, measure in _MEASURES.items()
        }
        return {measure: values for measure, values in found.items() if values}
