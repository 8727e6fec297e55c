"""Cue sensitivity: how high a model ranks the class of the shape and the class of the texture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import cell_name, record, table
from shapebias.metrics.intervals import BOOTSTRAP, Estimate, mean
from shapebias.plugins.study_results import Answers, CellNames, StudyResults

__all__ = ["CueSensitivity", "RankedCell", "ranked_cells", "share_of_two_sets"]

_RESAMPLES = 9_999
_PROBE = "output-ranks"

Ranks: TypeAlias = tuple[NDArray[np.int64], int]
"""The rank of each class for each image, (n, C), 1 for the best, and the number of ranked classes."""


@attrs.frozen
class CueSensitivity:
    """Mean 1 / rank of the shape's class and of the texture's class, and the share of the former.

    If the probe ``output-ranks`` was run, ranks are among all outputs of the model; the outputs of one class count as
    one, with the largest of their logits.  Otherwise ranks are among the data set's classes, whose scores are stored.
    The column ``ranked`` says which of the two, and ``classes`` is the number of ranked classes.  The best rank is 1;
    equal scores are ranked by index.  Images need not have both cues.  For images with cue conflict the row
    ``shape-reliance`` is shape sensitivity / (shape sensitivity + texture sensitivity).  A cell that has neither the
    probe nor all scores has no rows, and the table's note names it.

    Kim et al. 2026, "On the reliability of cue conflict and beyond" (REFINED-BIAS).  The mean of 1 / rank is the mean
    reciprocal rank of Voorhees 1999, "The TREC-8 question answering track report".
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return up to three rows for each cell, with a bootstrap interval over images."""
        cells, lacking = ranked_cells(results)
        rows = [row for cell in cells for row in _rows(cell, results.seed)]
        note = "" if rows else "no finished predictions of images with a shape or a texture label"
        if lacking:
            note = (
                "ranks need the probe output-ranks, or all scores, so logits=full; neither is there for "
                f"{', '.join(lacking)}"
            )
        return table(rows, "ranked", "classes", note=note)


@attrs.frozen(eq=False)
class RankedCell:
    """The answers of one cell, and how high they rank the cues of each image.

    Args:
        answers: the answers.
        shape, texture: (n,) 1 / rank of the class of each cue, NaN where it is unknown.
        conflict: (n,) whether both are known and differ.
        ranked: among what the classes are ranked.
        classes: how many are ranked.
    """

    answers: Answers
    shape: NDArray[np.float64]
    texture: NDArray[np.float64]
    conflict: NDArray[np.bool_]
    ranked: str
    classes: int


def ranked_cells(results: StudyResults) -> tuple[list[RankedCell], list[str]]:
    """Collect the ranks of all cells with cues, and the names of those that have no ranks."""
    probed = {_key(values): values for values in results.values() if "rank" in values.values}  # noqa: PD011
    cells, lacking = [], []
    for answers in results.answers():
        if not ((answers.shape_labels >= 0) | (answers.texture_labels >= 0)).any():
            continue
        if values := probed.get(_key(answers)):
            arrays = values.values  # noqa: PD011 - a mapping, no data frame
            position = {image: row for row, image in enumerate(answers.ids)}
            taken = np.array([position[image] for image in values.ids], dtype=np.int64)
            ranks = np.asarray(arrays["rank"], np.int64), int(np.max(arrays["outputs"], initial=0))
            cells.append(_ranked_cell(answers, ranks, taken, "all outputs"))
        elif (among := _among_classes(answers)) is not None:
            cells.append(_ranked_cell(answers, among, np.arange(len(answers.ids)), "classes of the data set"))
        else:
            lacking.append(cell_name(answers))
    return cells, lacking


def _key(cell: CellNames) -> tuple[object, ...]:
    return cell.dataset, cell.model, cell.condition, cell.eps


def _among_classes(answers: Answers) -> Ranks | None:
    """Return the ranks among the data set's classes; None if not all scores were kept."""
    count = len(answers.classes)
    if answers.logits is None or (order := answers.top(count)).shape[1] < count:
        return None
    return np.argsort(order, axis=1) + 1, count


def _ranked_cell(answers: Answers, ranks: Ranks, taken: NDArray[np.int64], among: str) -> RankedCell:
    labels = (answers.shape_labels[taken], answers.texture_labels[taken])
    shape, texture = (_reciprocal(ranks[0], some) for some in labels)
    conflict = ~np.isnan(shape) & ~np.isnan(texture) & (labels[0] != labels[1])
    return RankedCell(answers, shape, texture, conflict, among, ranks[1])


def _rows(cell: RankedCell, seed: int) -> Iterator[dict[str, Any]]:
    facts = {"ranked": cell.ranked, "classes": cell.classes}
    for name, values in (("shape-sensitivity", cell.shape), ("texture-sensitivity", cell.texture)):
        if not np.isnan(values).all():
            yield record(cell.answers, name, mean(values, seed), **facts)
    if cell.conflict.any():
        pairs = np.stack([cell.shape[cell.conflict], cell.texture[cell.conflict]], axis=1)
        yield record(cell.answers, "shape-reliance", _share(pairs, seed), **facts)


def share_of_two_sets(shape: NDArray[np.float64], texture: NDArray[np.float64], seed: int) -> Estimate:
    """Estimate the mean of the first / the sum of both means, where other images have the other cue.

    Args:
        shape: (n,) 1 / rank of the shape of the images of one set.
        texture: (m,) 1 / rank of the texture of those of the other set; images of the two are drawn independently.
        seed: the study's seed.

    >>> share_of_two_sets(np.array([0.5, 0.5]), np.array([1.0, 0.25, 0.25]), seed=0).value
    0.5
    """
    sets = [np.sort(values[~np.isnan(values)]) for values in (shape, texture)]  # sorted, as in mean
    n = sum(map(len, sets))
    first, second = (float(values.mean()) for values in sets)
    value = first / (first + second)
    if min(map(len, sets)) < 2:
        return Estimate(value, np.nan, np.nan, n, BOOTSTRAP)
    drawn = [_resampled_means(values, [seed, index]) for index, values in enumerate(sets)]
    low, high = np.quantile(drawn[0] / (drawn[0] + drawn[1]), [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, BOOTSTRAP)


def _resampled_means(values: NDArray[np.float64], seed: Sequence[int]) -> NDArray[np.float64]:
    different, counts = np.unique(values, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(values), counts / len(values), _RESAMPLES)
    means: NDArray[np.float64] = drawn @ different / len(values)
    return means


def _reciprocal(ranks: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 / rank of each image's label, NaN where it is unknown."""
    rank = ranks[np.arange(len(labels)), np.maximum(labels, 0)]
    return np.where(labels >= 0, 1 / rank, np.nan)


def _share(pairs: NDArray[np.float64], seed: int) -> Estimate:
    """Estimate the mean of the first column / the sum of both means; images are drawn with both their ranks."""
    pairs = pairs[np.lexsort(pairs.T)]  # sorted: the same resamples whatever the order of the images
    n = len(pairs)
    value = float(pairs[:, 0].sum() / pairs.sum())
    if n < 2:
        return Estimate(value, np.nan, np.nan, n, BOOTSTRAP)
    different, counts = np.unique(pairs, axis=0, return_counts=True)
    sums = np.random.default_rng(seed).multinomial(n, counts / n, _RESAMPLES) @ different
    low, high = np.quantile(sums[:, 0] / sums.sum(axis=1), [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, BOOTSTRAP)
