"""``cue-sensitivity``: the ranks of the shape's class and of the texture's class among all outputs of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np
import pandas as pd

from shapebias.metrics.cue_sensitivity import CueSensitivity as Ranked
from shapebias.metrics.cue_sensitivity import RankedCell, ranked_cells, share_of_two_sets
from shapebias.plugins.study_results import StudyResults
from shapebias.published.references import Reference, references
from shapebias.spelling.grammar import spell_scalar
from shapebias.spelling.params import param
from shapebias.study import Study, as_datasets
from shapebias.suites._rows import Selection, headline_table

__all__ = ["CueSensitivity"]

_SHAPE, _TEXTURE, _SHARE = "shape sensitivity", "texture sensitivity", "share of shape"
_CONFLICT = ("cue-conflict", "edges", "silhouettes")


@attrs.frozen
class CueSensitivity:
    """Mean 1 / rank of the shape's class and of the texture's class, among all outputs of the model.

    With ``path`` the images are those of REFINED-BIAS, with only one cue.  Without it they are the published
    cue-conflict stimuli, which have both cues, and edges and silhouettes, which have only the shape.  The ranks are
    those of the probe ``output-ranks``, which merges outputs that people call by the same name.

    Kim et al. 2026, "On the reliability of cue conflict and beyond" (REFINED-BIAS).

    Args:
        path: the folder with ``refined_bias_shape`` and ``refined_bias_texture``.
    """

    path: Path | None = param("folder of REFINED-BIAS; none takes the cue-conflict stimuli", default=None)

    human_answers: ClassVar[tuple[str, ...]] = ()

    @property
    def published_models(self) -> tuple[str, ...]:
        """Three networks whose shape sensitivity is published, on the images of REFINED-BIAS."""
        return () if self.path is None else ("bagnet9", "bagnet17", "bagnet33")

    def study(self, models: Any, limit: int | None = None) -> Study:
        """Return the study: the unchanged images, and the ranks of their classes."""
        return Study(self._datasets, models, probes="output-ranks", limit=limit)

    @property
    def _datasets(self) -> tuple[str, ...]:
        if self.path is None:
            return _CONFLICT
        return tuple(f"refined-bias:{cue},path={spell_scalar(str(self.path))}" for cue in ("shape", "texture"))

    def headline(self, results: StudyResults) -> pd.DataFrame:
        """Return the sensitivity to each cue, and the share of the shape in their sum."""
        known = {one.canonical: one.name for one in as_datasets(self._datasets)}
        selected = Selection(results, known)
        found = Ranked()(selected)
        if self.path is not None:
            return headline_table(_of_two_sets(found, ranked_cells(selected)[0], results.seed))
        rows: list[dict[Any, Any]] = []
        for row in found.to_dict("records"):
            measure = {"shape-sensitivity": _SHAPE, "texture-sensitivity": _TEXTURE, "shape-reliance": _SHARE}
            where = "" if row["dataset"] == "cue-conflict" else f", {row['dataset']}"
            rows.append({**row, "measure": f"{measure[row['metric']]}{where}", "counts": _counts(row)})
        return headline_table(rows)

    def references(self) -> Mapping[str, tuple[Reference, ...]]:
        """Return the published sensitivities; none are published for the cue-conflict stimuli."""
        return {} if self.path is None else {_SHAPE: references("cue-sensitivity:shape")}


def _counts(row: Mapping[Any, Any]) -> str:
    return f"{row['n']:,} images, ranks among {row['ranked']} ({row['classes']:,})"


def _of_two_sets(found: pd.DataFrame, cells: Iterable[RankedCell], seed: int) -> Iterator[dict[Any, Any]]:
    """Yield the sensitivity of each model to the cue of each set, and the share of the shape."""
    names = {"shape-sensitivity": _SHAPE, "texture-sensitivity": _TEXTURE}
    by_model: dict[str, list[RankedCell]] = {}
    for cell in cells:
        by_model.setdefault(cell.answers.model, []).append(cell)
    for model, rows in found.groupby("model", sort=False):
        by_metric = {row["metric"]: row for row in rows.to_dict("records")}
        for metric, measure in names.items():
            if row := by_metric.get(metric):
                yield {**row, "measure": measure, "counts": _counts(row)}
        if len(by_metric) == len(names):
            shape, texture = (
                np.concatenate([getattr(cell, cue) for cell in by_model[str(model)]]) for cue in ("shape", "texture")
            )
            share = share_of_two_sets(shape, texture, seed)
            row = by_metric["shape-sensitivity"]
            yield {**row, **attrs.asdict(share), "measure": _SHARE, "counts": f"{share.n:,} images of two sets"}
