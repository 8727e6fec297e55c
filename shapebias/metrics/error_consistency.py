"""Error consistency: do two models fail on the same images more often than their accuracies predict?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import bootstrap
from shapebias.plugins.study_results import Answers, StudyResults

__all__ = ["ErrorConsistency", "agreement", "cohens_kappa"]


@attrs.frozen
class ErrorConsistency:
    """Cohen's kappa of correct and wrong answers, between each pair of models on one data set, condition and eps.

    Geirhos, Meding & Wichmann 2020, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and humans by
    measuring error consistency", section 2; its bootstrap: Klein et al. 2025, "Quantifying uncertainty in error
    consistency".  The columns ``observed`` and ``expected`` are the two shares of agreement that kappa compares; images
    are paired by id, and ``n`` counts those that both models have.  Kappa is undefined, NaN, if one of the two
    models is right on all images or wrong on all of them.
    """

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each pair, ``model`` and ``other``, with a bootstrap interval over images."""
        peers: dict[tuple[str, str, float | None], list[Answers]] = {}
        for answers in results.answers():
            peers.setdefault((answers.dataset, answers.condition, answers.eps), []).append(answers)
        rows, constant = [], dict[str, None]()  # a dict keeps the order
        for group in peers.values():
            for first, second in itertools.combinations(group, 2):
                counts = _outcomes(first, second)
                constant |= dict.fromkeys(_constant(first, second, counts))
                kappa = bootstrap(counts, cohens_kappa, results.seed)
                observed, expected = agreement(counts) if counts.any() else (np.nan, np.nan)
                shares = {"observed": float(observed), "expected": float(expected)}
                rows.append(record(first, "error-consistency", kappa, other=second.model, **shares))
        note = "" if rows else "no two models have finished the same data set and condition"
        if constant:
            note = f"kappa is not defined (NaN) where a model is always right or always wrong: {'; '.join(constant)}"
        return table(rows, "other", "observed", "expected", note=note)


def _outcomes(first: Answers, second: Answers) -> NDArray[np.int64]:
    """Count the common images by outcome, (4,): both wrong, second right, first right, both right."""
    pairs = pd.concat([correctness(first), correctness(second)], axis=1, join="inner").to_numpy(dtype=np.int64)
    return np.bincount(pairs @ [2, 1], minlength=4)


def _constant(first: Answers, second: Answers, counts: NDArray[np.int64]) -> Iterator[str]:
    """Name the models that are right on all common images, or wrong on all of them."""
    _, second_right, first_right, both_right = counts.tolist()
    for cell, right in ((first, first_right + both_right), (second, second_right + both_right)):
        if right in (0, counts.sum()) and counts.any():
            where = " | ".join([cell.dataset, cell.condition, *([] if cell.eps is None else [f"eps={cell.eps:.6g}"])])
            yield f"{cell.model} on {where} ({right} of {counts.sum()} right)"


def agreement(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the observed share of agreement, and the one expected of independent models of these accuracies.

    Args:
        counts: (..., 4) images: both wrong, second right, first right, both right.
    """
    shares = counts / counts.sum(axis=-1, keepdims=True)
    both_wrong, second_right, first_right, both_right = np.moveaxis(shares, -1, 0)
    first, second = first_right + both_right, second_right + both_right
    return both_right + both_wrong, first * second + (1 - first) * (1 - second)


def cohens_kappa(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compare observed with expected agreement: (observed - expected) / (1 - expected).

    Cohen 1960, "A coefficient of agreement for nominal scales", equation 1.  NaN if one of the two is always right or
    always wrong: observed and expected agreement are then equal, whatever the other answers.

    Args:
        counts: (..., 4) images: both wrong, second right, first right, both right.

    >>> round(float(cohens_kappa(np.array([70, 10, 5, 15]))), 2)
    0.57
    """
    observed, expected = agreement(counts)
    with np.errstate(invalid="ignore"):  # 0 / 0: both are constant
        kappa: NDArray[np.float64] = (observed - expected) / (1 - expected)
    _, second_right, first_right, both_right = np.moveaxis(counts, -1, 0)
    first, second, images = first_right + both_right, second_right + both_right, counts.sum(axis=-1)
    constant = (first == 0) | (first == images) | (second == 0) | (second == images)
    return np.where(constant, np.nan, kappa)
