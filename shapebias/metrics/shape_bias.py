"""Shape bias: the share of shape among the answers that follow either shape or texture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._cues import conflict, followed
from shapebias.metrics.frames import record, table
from shapebias.metrics.intervals import Estimate, bootstrap, wilson
from shapebias.plugins.study_results import Answers, StudyResults

__all__ = ["ShapeBias"]

_COLUMNS = ("averaging", "class", "shape_hits", "texture_hits", "n_conflict", "cue_accuracy")


@attrs.frozen
class ShapeBias:
    """Shape hits / (shape hits + texture hits), on images whose shape and texture are of different, known classes.

    Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", section 3.  An image is *decided* if the
    answer is its shape's or its texture's class; ``n`` counts these, ``n_conflict`` all with a conflict, and
    ``cue_accuracy`` is their ratio.  Rows by ``averaging``:

    - ``micro``: all decided images together, Wilson's interval;
    - ``class``: those of one shape ``class``, Wilson's interval;
    - ``macro``: mean of the classes' values that are defined, bootstrap over images.

    If no image is decided, the value is NaN and ``n`` is 0.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one micro and one macro row for each cell with conflicts, and one row for each shape class in it."""
        rows = [row for answers in results.answers() for row in _rows(answers, results.seed)]
        note = "no image has a shape label and a different texture label; use a data set with cue conflict"
        return table(rows, *_COLUMNS, note="" if rows else note)


def _rows(answers: Answers, seed: int) -> Iterator[dict[str, Any]]:
    classes, outcomes = _outcomes(answers)
    if not len(classes):
        return
    yield _row(answers, "micro", "", outcomes.sum(axis=0))
    for index, counts in zip(classes, outcomes, strict=True):
        yield _row(answers, "class", answers.classes[index], counts)
    macro = bootstrap(outcomes.ravel(), _mean_of_classes, seed, n=int(outcomes[:, :2].sum()))
    yield _row(answers, "macro", "", outcomes.sum(axis=0), macro)


def _outcomes(answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count images with a conflict by shape class, (K,), and by answer, (K, 3): shape, texture, something else."""
    classes, of_class = np.unique(answers.shape_labels[conflict(answers)], return_inverse=True)
    counts = np.zeros((len(classes), 3), dtype=np.int64)
    np.add.at(counts, (of_class, followed(answers).to_numpy()), 1)
    return classes, counts


def _mean_of_classes(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average the shape bias over the classes that have a decided image; ``counts`` are (..., K * 3)."""
    shape, texture, _ = np.moveaxis(counts.reshape(*counts.shape[:-1], -1, 3), -1, 0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: a class, or a whole resample, without a decided image
        bias = shape / (shape + texture)
        mean: NDArray[np.float64] = np.nansum(bias, axis=-1) / np.sum(~np.isnan(bias), axis=-1)
    return mean


def _row(
    answers: Answers, averaging: str, name: str, counts: NDArray[np.int64], estimate: Estimate | None = None
) -> dict[str, Any]:
    shape, texture, _ = (int(count) for count in counts)
    conflicts = int(counts.sum())
    return record(
        answers,
        "shape-bias",
        estimate or wilson(shape, shape + texture),
        averaging=averaging,
        **{"class": name},
        shape_hits=shape,
        texture_hits=texture,
        n_conflict=conflicts,
        cue_accuracy=(shape + texture) / conflicts,
    )
