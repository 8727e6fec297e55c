"""A metric's table as text: CSV and JSON for programs, LaTeX and Markdown for papers and pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shapebias.spelling.grammar import spell_scalar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "UNDEFINED", "records", "with_values", "write"]


UNDEFINED = "\N{EN DASH}"  # what tables and figures show for a number that is not defined


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """List the rows with Python's own numbers, and None where there is no value."""
    return [
        {str(name): value for name, value in row.items()}
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]


def with_values(table: pd.DataFrame) -> list[str]:
    """List the columns that have a value in some row, and ``value`` itself, which may be undefined everywhere."""
    return [str(name) for name in table.columns if name == "value" or table[name].notna().any()]


def write(table: pd.DataFrame, form: str) -> str:
    """Write a table as text: ``csv`` and ``json`` with every column unrounded, ``latex`` and ``markdown`` for a paper.

    The last two leave out columns without any value, round to three digits, and join value and interval.
    """
    return FORMATS[form](table)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False)


def _json(table: pd.DataFrame) -> str:
    return json.dumps(records(table), indent=1) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    columns, rows = _for_paper(table)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _latex(table: pd.DataFrame) -> str:
    """Write a tabular for the package booktabs."""
    columns, rows = _for_paper(table)
    body = "".join(f"{' & '.join(map(_escaped, row))} \\\\\n" for row in rows)
    heading = " & ".join(map(_escaped, columns))
    return (
        f"\\begin{{tabular}}{{{'l' * len(columns)}}}\n\\toprule\n{heading} \\\\\n\\midrule\n{body}"
        "\\bottomrule\n\\end{tabular}\n"
    )


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def _for_paper(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Make texts of a table: ``low`` and ``high`` stand beside their ``value``, eps is a fraction."""
    columns = [str(name) for name in table.dropna(axis="columns", how="all").columns]
    interval = {"low", "high"}
    kept = [name for name in columns if name not in interval or "value" not in columns]
    rows = [[_cell(name, row) for name in kept] for row in records(table)]
    return kept, rows


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
