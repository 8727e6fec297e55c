"""Relative accuracy: how much of a model's accuracy remains when a feature of the images is suppressed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._probabilities import label_probability
from shapebias.metrics.frames import cell_name, correctness, record, table
from shapebias.metrics.intervals import bootstrap
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["RelativeAccuracy", "outcomes"]


@attrs.frozen
class RelativeAccuracy:
    """Accuracy under the condition / accuracy clean, for each condition except ``clean``, on the same images.

    The second row of a cell, ``rescaled-accuracy``, is (accuracy - chance) / (clean accuracy - chance): 1 if nothing is
    lost, 0 if only chance, 1 / classes, remains.  It is NaN if the model is no better than chance on clean images.
    Resamples draw images with both their answers.  A model without a finished ``clean`` cell on the same data set has
    no rows, and the table's note says so.

    With ``threshold=0.5`` an answer is correct only if its label has a probability above 0.5, summed over the outputs
    of its class, as in the source's comparison with people.  There is then no level of chance to rescale by.

    Burgert et al. 2025, "ImageNet-trained CNNs are not biased towards texture", section 3.
    """

    threshold: float | None = param(
        "probability of the label above which an answer is correct; none: the label has the best score",
        default=None,
        gt=0,
        lt=1,
    )

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return two rows for each cell that is not clean, with a bootstrap interval over images."""
        answers = results.answers()
        clean = {(cell.dataset, cell.model): cell for cell in answers if cell.condition == "clean"}
        changed = [cell for cell in answers if cell.condition != "clean"]
        lacking = sorted({f"{cell.model} on {cell.dataset}" for cell in changed if _key(cell) not in clean})
        rows: list[dict[str, Any]] = []
        without: list[str] = []
        for cell in changed:
            if (before := clean.get(_key(cell))) is None:
                continue
            right = [outcomes(one, self.threshold) for one in (before, cell)]
            if right[0] is None or right[1] is None:
                without.append(cell_name(cell))
            else:
                rows += _rows(cell, right[0], right[1], self.threshold, results.seed)
        note = "" if rows else "no finished predictions under a condition other than 'clean'"
        note = f"add the condition 'clean'; it is missing for {', '.join(lacking)}" if lacking else note
        if without:
            note = (
                "a threshold needs all scores (logits=full), and not the largest probability of each class "
                f"(aggregate=max): {', '.join(without)}"
            )
        return table(rows, "clean", "accuracy", "chance", note=note)


def _key(cell: Answers) -> tuple[str, str]:
    return cell.dataset, cell.model


def outcomes(answers: Answers, threshold: float | None = None) -> pd.Series[bool] | None:
    """Return for each image with a known label whether it was answered correctly, indexed by image id.

    Args:
        answers: the answers of one cell.
        threshold: if given, correct means that the probability of the label is above it.

    Returns:
        None if a threshold is given and the probabilities are not known.
    """
    if threshold is None:
        return correctness(answers)
    probability = label_probability(answers)
    if probability is None:
        return None
    known = answers.labels >= 0
    return pd.Series((probability > threshold)[known], index=pd.Index(answers.ids)[known])


def _rows(
    cell: Answers, clean: pd.Series[bool], changed: pd.Series[bool], threshold: float | None, seed: int
) -> Iterator[dict[str, Any]]:
    pairs = pd.concat([clean, changed], axis=1, join="inner").to_numpy(dtype=np.int64)
    if not len(pairs):
        return
    counts = np.bincount(pairs @ [2, 1], minlength=4)  # both wrong, right under the condition only, clean only, both
    before, after = pairs.mean(axis=0).tolist()
    chance = 1 / len(cell.classes) if threshold is None else np.nan
    facts = {"clean": before, "accuracy": after, "chance": chance}
    yield record(cell, "relative-accuracy", bootstrap(counts, partial(_ratio, floor=0.0), seed), **facts)
    if threshold is None:
        yield record(cell, "rescaled-accuracy", bootstrap(counts, partial(_ratio, floor=chance), seed), **facts)


def _ratio(counts: NDArray[np.int64], floor: float) -> NDArray[np.float64]:
    """Divide the accuracy above a floor under the condition by that on clean images; NaN if that is below the floor."""
    n = counts.sum(axis=-1)
    after, before = ((counts[..., one] + counts[..., 3]) / n - floor for one in (1, 2))
    undefined = np.full(np.shape(before), np.nan)
    ratio: NDArray[np.float64] = np.divide(after, before, out=undefined, where=before > 0)
    return ratio
