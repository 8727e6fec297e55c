"""Rows of a suite's headline: a number of one cell, named in words, with what was counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from shapebias.metrics._cues import SHAPE, TEXTURE, followed, shape_bias
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import wilson
from shapebias.plugins.protocols import Answers, StudyResults

__all__ = ["accuracy_row", "cells_of", "headline_table", "shape_bias_row"]


def headline_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Collect rows into a headline: the columns of every metric, ``measure`` and ``counts``."""
    listed = list(rows)
    return table(listed, "measure", "counts", note="" if listed else "no finished predictions of this suite")


def cells_of(results: StudyResults, dataset: str, condition: str = "clean") -> Iterator[Answers]:
    """Yield the answers to a data set under a condition, both by their canonical texts."""
    for answers in results.answers():
        if (answers.texts["dataset"], answers.texts["condition"], answers.eps) == (dataset, condition, None):
            yield answers


def shape_bias_row(answers: Answers, measure: str) -> dict[str, Any]:
    """Measure the shape bias of one cell: shape hits / (shape hits + texture hits)."""
    hits = np.bincount(followed(answers).to_numpy(), minlength=3)
    counts = f"{hits[SHAPE]} shape, {hits[TEXTURE]} texture of {hits.sum()}"
    return record(answers, "shape-bias", shape_bias(answers), measure=measure, counts=counts)


def accuracy_row(answers: Answers, measure: str) -> dict[str, Any]:
    """Measure the accuracy of one cell on its images with a known label."""
    right = correctness(answers)
    hits, n = int(right.sum()), len(right)
    return record(answers, "accuracy", wilson(hits, n), measure=measure, counts=f"{hits} of {n} right")
