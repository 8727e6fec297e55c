"""Tables of metrics as text: CSV and JSON for programs, LaTeX and Markdown for papers and pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shapebias.spelling.grammar import spell_scalar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "UNDEFINED", "records", "with_values", "write"]


UNDEFINED = "\N{EN DASH}"  # shown in tables and figures for a number that is not defined


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """List the rows with Python's own number types, and None for missing values."""
    return [
        {str(name): value for name, value in row.items()}
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]


def with_values(table: pd.DataFrame) -> list[str]:
    """List the columns that have a value in some row, and ``value`` itself, which may be undefined everywhere."""
    return [str(name) for name in table.columns if name == "value" or table[name].notna().any()]


def write(table: pd.DataFrame, form: str) -> str:
    """Write a table as text: ``csv`` and ``json`` with every column unrounded, ``latex`` and ``markdown`` for a paper.

    The last two leave out empty columns, round to three digits, and join value and interval.
    """
    return FORMATS[form](table)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False)


def _json(table: pd.DataFrame) -> str:
    return json.dumps(records(table), indent=1) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    texts = _for_paper(table)
    lines = [[*texts], ["---"] * len(texts.columns), *texts.to_numpy().tolist()]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _latex(table: pd.DataFrame) -> str:
    """Write a tabular for the package booktabs."""
    return _for_paper(table).to_latex(index=False, escape=True)


def _for_paper(table: pd.DataFrame) -> pd.DataFrame:
    """Make a table of texts: ``low`` and ``high`` are written beside their ``value``, eps as a fraction."""
    import pandas as pd

    columns = [str(name) for name in table.dropna(axis="columns", how="all").columns]
    interval = {"low", "high"}
    kept = [name for name in columns if name not in interval or "value" not in columns]
    return pd.DataFrame([[_cell(name, row) for name in kept] for row in records(table)], columns=kept)


def _cell(name: str, row: dict[str, Any]) -> str:
    value = row[name]
    if value is None:
        return ""
    if name == "value" and row.get("low") is not None:
        return f"{value:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    if name == "eps":
        return spell_scalar(value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


# The names are those of the option --format.
FORMATS: dict[str, Callable[[Any], str]] = {"csv": _csv, "json": _json, "latex": _latex, "markdown": _markdown}
