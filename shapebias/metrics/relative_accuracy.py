"""Relative accuracy: how much of a model's accuracy is left when a feature of the images is suppressed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import bootstrap
from shapebias.plugins.protocols import Answers, StudyResults

__all__ = ["RelativeAccuracy"]


@attrs.frozen
class RelativeAccuracy:
    """Accuracy under the condition / accuracy clean, for each condition but ``clean``, on the same images.

    The second row of a cell, ``rescaled-accuracy``, is (accuracy - chance) / (clean accuracy - chance): 1 where nothing
    is lost, 0 where only chance, 1 / classes, is left.  It is NaN where the model is no better than chance when clean.
    Resamples draw images with both their answers.  A model without a finished ``clean`` cell on the same data set has
    no rows, and the table's note says so.

    Burgert et al. 2025, "ImageNet-trained CNNs are not biased towards texture", section 3.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return two rows for each cell that is not clean, with a bootstrap interval over images."""
        answers = results.answers()
        clean = {(cell.dataset, cell.model): cell for cell in answers if cell.condition == "clean"}
        changed = [cell for cell in answers if cell.condition != "clean"]
        lacking = sorted({f"{cell.model} on {cell.dataset}" for cell in changed if _key(cell) not in clean})
        rows = [
            row for cell in changed if _key(cell) in clean for row in _rows(cell, clean[_key(cell)], results.seed)
        ]  # fmt: skip
        note = "" if rows else "no finished predictions under a condition other than 'clean'"
        note = f"add the condition 'clean'; it is missing for {', '.join(lacking)}" if lacking else note
        return table(rows, "clean", "accuracy", "chance", note=note)


def _key(cell: Answers) -> tuple[str, str]:
    return cell.dataset, cell.model


def _rows(cell: Answers, clean: Answers, seed: int) -> Iterator[dict[str, Any]]:
    pairs = pd.concat([correctness(clean), correctness(cell)], axis=1, join="inner").to_numpy(dtype=np.int64)
    if not len(pairs):
        return
    counts = np.bincount(pairs @ [2, 1], minlength=4)  # both wrong, right under the condition only, clean only, both
    before, after = pairs.mean(axis=0).tolist()
    chance = 1 / len(cell.classes)
    facts = {"clean": before, "accuracy": after, "chance": chance}
    yield record(cell, "relative-accuracy", bootstrap(counts, partial(_ratio, floor=0.0), seed), **facts)
    yield record(cell, "rescaled-accuracy", bootstrap(counts, partial(_ratio, floor=chance), seed), **facts)


def _ratio(counts: NDArray[np.int64], floor: float) -> NDArray[np.float64]:
    """Divide accuracy above a floor under the condition by that when clean; NaN where the latter is not above it."""
    n = counts.sum(axis=-1)
    after, before = ((counts[..., one] + counts[..., 3]) / n - floor for one in (1, 2))
    undefined = np.full(np.shape(before), np.nan)
    ratio: NDArray[np.float64] = np.divide(after, before, out=undefined, where=before > 0)
    return ratio
