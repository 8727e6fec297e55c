"""Tidy tables: the same first columns for every metric, one row a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pandas as pd

from shapebias.metrics.intervals import Estimate
from shapebias.plugins.protocols import Answers, CellNames

__all__ = ["COLUMNS", "correctness", "record", "table"]

COLUMNS = ("dataset", "model", "condition", "eps", "metric", "value", "low", "high", "n", "method")


def record(cell: CellNames, metric: str, estimate: Estimate, **extra: object) -> dict[str, Any]:
    """Make one row: where the number comes from, the number, and the columns of this metric alone."""
    source = {"dataset": cell.dataset, "model": cell.model, "condition": cell.condition, "eps": cell.eps}
    return {**source, "metric": metric, **attrs.asdict(estimate), **extra}


def table(rows: Sequence[Mapping[str, object]], *extra: str, note: str = "") -> pd.DataFrame:
    """Collect rows into a table whose columns do not depend on how many rows there are.

    Args:
        rows: made by :func:`record`.
        extra: names of the columns after the common ones.
        note: says what is missing and why; kept in ``table.attrs["note"]``.
    """
    frame = pd.DataFrame(list(rows), columns=[*COLUMNS, *extra])
    frame = frame.astype({"eps": float, "value": float, "low": float, "high": float, "n": int})
    if note:
        frame.attrs["note"] = note
    return frame


def correctness(answers: Answers) -> pd.Series[bool]:
    """Say for each image with a known label whether it was answered right, indexed by image id.

    No answer (-1) is a wrong answer.
    """
    known = answers.labels >= 0
    right = (answers.prediction == answers.labels)[known]
    return pd.Series(right, index=pd.Index(answers.ids)[known])
