"""Tidy tables: the same first columns for every metric, one row per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.metrics.intervals import Estimate
from shapebias.plugins.study_results import Answers, CellNames
from shapebias.spelling.grammar import spell_scalar

__all__ = ["COLUMNS", "cell_name", "correctness", "not_searched", "record", "table", "unsearched_note"]

COLUMNS = ("dataset", "model", "condition", "eps", "metric", "value", "low", "high", "n", "method")


def record(cell: CellNames, metric: str, estimate: Estimate, **extra: object) -> dict[str, Any]:
    """Make one row of a table: the names of the cell, the estimate, and the columns that only this metric has.

    Args:
        cell: answers, maps or values.
        metric: the name of the number.
        estimate: the number with its interval.
        extra: further columns, by name.

    >>> from shapebias.plugins.in_memory import InMemoryAnswers
    >>> estimate = Estimate(0.5, 0.1, 0.9, 2, "none")
    >>> row = record(InMemoryAnswers([0, 1], labels=[0, 0]), "share", estimate, counts="1 of 2")
    >>> row["model"], row["value"], row["counts"]
    ('net', 0.5, '1 of 2')
    """
    source = {"dataset": cell.dataset, "model": cell.model, "condition": cell.condition, "eps": cell.eps}
    return {**source, "metric": metric, **attrs.asdict(estimate), **extra}


def cell_name(cell: CellNames) -> str:
    """Name a cell in a note."""
    eps = "" if cell.eps is None else f", eps={spell_scalar(cell.eps)}"
    return f"{cell.model} on {cell.dataset}, {cell.condition}{eps}"


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


def not_searched(answers: Answers) -> pd.Series[bool]:
    """Return for each image with a known label whether it is correct although the attack has not searched, by image id.

    The attack has not searched where a gradient was NaN or infinite, so a correct answer shows no robustness.
    """
    failed = np.asarray(answers.gradient_failed, bool)[answers.labels >= 0]
    return correctness(answers) & failed


def unsearched_note(counts: Mapping[str, int]) -> str:
    """Say how many images of each cell are not in n; empty if there are none."""
    found = ", ".join(f"{count} ({name})" for name, count in counts.items() if count)
    if not found:
        return ""
    return (
        "n leaves out correct answers to images for which a gradient of the attack was NaN or infinite, since they "
        f"show no robustness: {found}"
    )


def correctness(answers: Answers) -> pd.Series[bool]:
    """Return for each image with a known label whether it was answered correctly, indexed by image id.

    No answer (-1) is a wrong answer.

    Args:
        answers: the answers of one cell at one eps.

    >>> from shapebias.plugins.in_memory import InMemoryAnswers
    >>> correctness(InMemoryAnswers([0, -1, 1], labels=[0, 1, -1], ids=("a", "b", "c"))).to_dict()
    {'a': True, 'b': False}
    """
    known = answers.labels >= 0
    right = (answers.prediction == answers.labels)[known]
    return pd.Series(right, index=pd.Index(answers.ids)[known])
