"""Paired difference: a reference model compared with the others on the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import pandas as pd

from shapebias.errors import DataError
from shapebias.metrics._paired import (
    Correction,
    Difference,
    Measure,
    accuracy_difference,
    adjusted,
    shape_bias_difference,
)
from shapebias.metrics.frames import record, table
from shapebias.plugins.study_results import Answers, StudyResults
from shapebias.spelling.params import param

__all__ = ["PairedDifference", "reference_model"]


def _measures(value: Measure | Iterable[Measure]) -> tuple[Measure, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen
class PairedDifference:
    """Accuracy and shape bias of each model minus those of a reference model, on their common images.

    Two models that saw the same images share the chance of which images were sampled, so the interval of the difference
    is shorter than their two separate intervals suggest.  ``p`` is the p-value of no difference; ``p_adjusted`` is
    corrected for the number of tests of the same measure in this table.

    Args:
        against: the name in tables of the model that the others are compared with; default the first.
        of: what is compared.
        correction: the correction of the p-values for their number.
    """

    against: str = param("model that the others are compared with; empty for the first", default="")
    of: tuple[Measure, ...] = param("what is compared", default=("accuracy", "shape-bias"), converter=_measures)
    correction: Correction = param("correction of the p-values for their number", default="holm")

    def __call__(self, results: StudyResults) -> pd.DataFrame:
        """Return one row for each model, cell and measure: the model's value minus that of the model ``against``."""
        measures: dict[str, Callable[[Answers, Answers], Difference]] = {
            "accuracy": accuracy_difference,
            "shape-bias": lambda first, second: shape_bias_difference(first, second, results.seed),
        }
        pairs = list(_pairs(results.answers(), self.against))
        rows: list[dict[str, Any]] = []
        for measure in self.of:
            differences = [(first, second, measures[measure](first, second)) for first, second in pairs]
            rows += [_row(*found, measure) for found in differences if found[2].estimate.n]
        found = table(rows, "against", "p", "p_adjusted", "test", note="" if rows else "no two models share images")
        for _, of_metric in found.groupby("metric"):
            found.loc[of_metric.index, "p_adjusted"] = adjusted(of_metric["p"].to_numpy(float), self.correction)
        return found.astype({"p": float, "p_adjusted": float})


def _pairs(answers: Iterable[Answers], against: str) -> Iterator[tuple[Answers, Answers]]:
    """Pair the answers of every model with the reference model's to the same data set, condition and eps."""
    answers = list(answers)
    reference = reference_model(answers, against)
    standards = {(one.dataset, one.condition, one.eps): one for one in answers if one.model == reference}
    for one in answers:
        standard = standards.get((one.dataset, one.condition, one.eps))
        if standard is not None and standard is not one:
            yield one, standard


def reference_model(answers: Iterable[Answers], against: str) -> str:
    """Return the model that the others are compared with: the one named, or the first.

    Raises:
        DataError: there is no model of that name.
    """
    models = list(dict.fromkeys(one.model for one in answers))
    if against and models and against not in models:
        raise DataError(f"against={against!r} is not a model of these results; they have {', '.join(models)}")
    return against or next(iter(models), "")


def _row(first: Answers, second: Answers, difference: Difference, measure: str) -> dict[str, Any]:
    facts = {"against": second.model, "p": difference.p, "p_adjusted": float("nan"), "test": difference.test}
    return record(first, f"{measure}-difference", difference.estimate, **facts)
