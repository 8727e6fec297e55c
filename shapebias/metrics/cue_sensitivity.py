"""Cue sensitivity: how high a model ranks the class of the shape, and that of the texture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, mean
from shapebias.plugins.protocols import Answers, StudyResults

__all__ = ["CueSensitivity"]

_RESAMPLES = 9_999


@attrs.frozen
class CueSensitivity:
    """Mean 1 / rank of the shape's class and of the texture's class among all classes, and the share of the former.

    The rank of a class is its place in the order of the scores, 1 the best; equal scores go to the lower index.  No
    image is undecided: a class that is not answered still has a rank.  Outputs that mean the same class are merged
    before ranking, by the label mapping.  Images need not have both cues; where they have, the row
    ``shape-reliance`` is shape sensitivity / (shape sensitivity + texture sensitivity) of the images with cue conflict.
    The column ``classes`` says among how many the ranks are.  A cell whose scores were not all kept has no rows, and
    the table's note names it.

    Mean reciprocal rank: Voorhees 1999, "The TREC-8 question answering track report".  As a measure of both cues it is
    that of REFINED-BIAS, 2026.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return up to three rows for each cell, with a bootstrap interval over images."""
        rows: list[dict[str, Any]] = []
        lacking = []
        for answers in results.answers():
            if not ((answers.shape_labels >= 0) | (answers.texture_labels >= 0)).any():
                continue
            if answers.logits is None or answers.top(len(answers.classes)).shape[1] < len(answers.classes):
                lacking.append(f"{answers.model} on {answers.dataset} under {answers.condition}")
            else:
                rows += _rows(answers, results.seed)
        note = "" if rows else "no finished predictions of images with a shape or a texture label"
        note = f"ranks need all scores, so logits=full; they were not kept by {', '.join(lacking)}" if lacking else note
        return table(rows, "classes", note=note)


def _rows(answers: Answers, seed: int) -> Iterator[dict[str, Any]]:
    order = answers.top(len(answers.classes))
    shape, texture = (_reciprocal_ranks(order, labels) for labels in (answers.shape_labels, answers.texture_labels))
    for name, values in (("shape-sensitivity", shape), ("texture-sensitivity", texture)):
        if not np.isnan(values).all():
            yield record(answers, name, mean(values, seed), classes=len(answers.classes))
    both = ~np.isnan(shape) & ~np.isnan(texture) & (answers.shape_labels != answers.texture_labels)
    if both.any():
        reliance = _share(np.stack([shape[both], texture[both]], axis=1), seed)
        yield record(answers, "shape-reliance", reliance, classes=len(answers.classes))


def _reciprocal_ranks(order: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / rank of each image's label, NaN where it is unknown."""
    rank = 1 + (order == labels[:, None]).argmax(axis=1)
    return np.where(labels >= 0, 1 / rank, np.nan)


def _share(pairs: NDArray[np.float64], seed: int) -> Estimate:
    """Estimate mean of the first column / sum of both means; images are drawn with both their ranks."""
    pairs = pairs[np.lexsort(pairs.T)]  # sorted: the same resamples whatever the order of the images
    n = len(pairs)
    value = float(pairs[:, 0].sum() / pairs.sum())
    if n < 2:
        return Estimate(value, np.nan, np.nan, n, BOOTSTRAP)
    different, counts = np.unique(pairs, axis=0, return_counts=True)
    sums = np.random.default_rng(seed).multinomial(n, counts / n, _RESAMPLES) @ different
    low, high = np.quantile(sums[:, 0] / sums.sum(axis=1), [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, BOOTSTRAP)
