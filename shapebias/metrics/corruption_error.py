"""Corruption error: errors under a corruption, over all severities, relative to those of a baseline model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.metrics._texts import number_in
from shapebias.metrics.frames import correctness, record, table
from shapebias.metrics.intervals import bootstrap
from shapebias.metrics.paired_difference import reference_model
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["CorruptionError"]


@attrs.frozen
class _Corrupted:
    """A corruption of a data set, with ``*`` instead of its severity."""

    dataset: str
    model: str
    condition: str
    eps: float | None = None


@attrs.frozen
class CorruptionError:
    """CE: a model's errors over all severities / those of the baseline; mCE: the mean of the CE of all corruptions.

    Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common corruptions and perturbations",
    section 4.1, where the baseline is AlexNet.  A corruption is a condition whose text has a number called
    ``severity``.  Only severities that both models have count, and images that both have at all of these.

    Args:
        against: the name of the baseline in tables; default the first model.
        severity: the name of the parameter.
    """

    against: str = param("the baseline model; empty for the first", default="")
    severity: str = param("name of the parameter for the severity", default="severity")

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return a row ``corruption-error`` per model and corruption, and a row ``mce`` per model and data set."""
        answers = results.answers()
        baseline = reference_model(answers, self.against)
        found = _by_corruption(answers, self.severity)
        rows: list[dict[str, Any]] = []
        together: dict[tuple[str, str], list[pd.DataFrame]] = {}
        for corruption, cells in found.items():
            standard = found.get(attrs.evolve(corruption, model=baseline), {})
            errors = _errors(cells, standard)
            if len(errors):
                rows.append(_row(corruption, "corruption-error", [errors], results.seed, baseline, len(cells)))
                together.setdefault((corruption.dataset, corruption.model), []).append(errors)
        for (dataset, model), several in together.items():
            corruption = _Corrupted(dataset, model, f"{len(several)} corruptions")
            rows.append(_row(corruption, "mce", several, results.seed, baseline))
        note = f"no conditions with a {self.severity!r} in their text that the baseline has too"
        return table(rows, "against", "error", "severities", note="" if rows else note)


def _by_corruption(answers: Any, severity: str) -> dict[_Corrupted, dict[float, Answers]]:
    found: dict[_Corrupted, dict[float, Answers]] = {}
    for one in answers:
        number = number_in(one.texts["condition"], severity)
        if number is not None and one.eps is None:
            found.setdefault(_Corrupted(one.dataset, one.model, number[0]), {})[number[1]] = one
    return found


def _errors(cells: Mapping[float, Answers], standard: Mapping[float, Answers]) -> pd.DataFrame:
    """Count the errors of each common image over the common severities: the model's and the baseline's."""

    def total(of: Mapping[float, Answers]) -> pd.Series[int]:
        wrong = [~correctness(of[severity]) for severity in sorted(cells.keys() & standard.keys())]
        return pd.concat(wrong, axis=1, join="inner").sum(axis=1) if wrong else pd.Series(dtype=int)

    return pd.concat([total(cells), total(standard)], axis=1, join="inner").sort_index()


def _row(
    corruption: _Corrupted,
    metric: str,
    several: list[pd.DataFrame],
    seed: int,
    baseline: str,
    severities: int | None = None,
) -> dict[str, Any]:
    """Estimate the mean over corruptions of the ratio of errors; an image is drawn with all of its errors."""
    common = pd.concat(several, axis=1, join="inner").to_numpy(dtype=np.int64)
    patterns, counts = np.unique(common, axis=0, return_counts=True)
    if not len(common):
        patterns, counts = np.zeros((1, 2 * len(several)), np.int64), np.zeros(1, np.int64)

    def ratio(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        sums = counts @ patterns
        with np.errstate(divide="ignore", invalid="ignore"):  # a baseline without an error has no ratio
            ratios = np.where(sums[..., 1::2] > 0, sums[..., ::2] / sums[..., 1::2], np.nan)
        return np.asarray(ratios.mean(axis=-1))

    rates = [errors.to_numpy()[:, 0].mean() for errors in several]
    error = float(np.mean(rates)) / severities if severities else np.nan
    return record(
        corruption,
        metric,
        bootstrap(counts, ratio, seed),
        against=baseline,
        error=error,
        severities=severities or np.nan,
    )
