"""Rows of a suite's headline: the value of one cell, the measure in words, and the counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.metrics._cues import SHAPE, TEXTURE, followed, shape_bias
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.study_results import Answers, Maps, StudyResults, Values

__all__ = ["Selection", "accuracy_row", "cells_of", "headline_table", "renamed", "shape_bias_row"]


def headline_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Collect rows into a headline: the columns of every metric, ``measure`` and ``counts``."""
    listed = list(rows)
    return table(listed, "measure", "counts", note="" if listed else "no finished predictions of this suite")


def cells_of(results: StudyResults, dataset: str, condition: str = "clean") -> Iterator[Answers]:
    """Yield the answers to a data set under a condition, both by their canonical texts."""
    for answers in results.answers():
        if (answers.texts["dataset"], answers.texts["condition"], answers.eps) == (dataset, condition, None):
            yield answers


@attrs.frozen(eq=False)
class Selection:
    """The results of selected data sets, as metrics read them.

    Args:
        results: all results.
        datasets: canonical texts.
    """

    results: StudyResults
    datasets: Collection[str]

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.results.seed

    def answers(self) -> list[Answers]:
        """List the answers to the images of these data sets."""
        return [each for each in self.results.answers() if each.texts["dataset"] in self.datasets]

    def maps(self) -> list[Maps]:
        """List the maps of these images."""
        return [each for each in self.results.maps() if each.texts["dataset"] in self.datasets]

    def values(self) -> list[Values]:
        """List the values of probes of these images."""
        return [each for each in self.results.values() if each.texts["dataset"] in self.datasets]


def renamed(found: pd.DataFrame, names: Mapping[str, str], counts: str = "{n:,} images") -> pd.DataFrame:
    """Make a headline from a metric's table: select some of its rows, and name their measures.

    Args:
        found: the metric's table.
        names: the names of the measures, by the column ``metric``.
        counts: a format of the column ``counts``, with column names in braces.
    """
    kept = found[found["metric"].isin([*names])]
    said = [counts.format_map(row) for row in kept.to_dict("records")]
    return kept.assign(measure=kept["metric"].map(dict(names)), counts=said)


def shape_bias_row(answers: Answers, measure: str) -> dict[str, Any]:
    """Compute the shape bias of one cell: shape hits / (shape hits + texture hits)."""
    hits = np.bincount(followed(answers).to_numpy(), minlength=3)
    counts = f"{hits[SHAPE]} shape, {hits[TEXTURE]} texture of {hits.sum()}"
    return record(answers, "shape-bias", shape_bias(answers), measure=measure, counts=counts)


def accuracy_row(answers: Answers, measure: str) -> dict[str, Any]:
    """Compute the accuracy of one cell on its images with a known label."""
    right = correctness(answers)
    hits, n = int(right.sum()), len(right)
    return record(answers, "accuracy", wilson(hits, n), measure=measure, counts=f"{hits} of {n} right")
