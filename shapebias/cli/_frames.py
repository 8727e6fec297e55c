"""Write data frames to stdout, for people or in a format for programs and papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from shapebias.cli._output import echo_lines, echo_table
from shapebias.reporting.export import FORMATS, UNDEFINED, records, with_values, write
from shapebias.spelling.grammar import spell_scalar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["echo_frame", "estimates", "format_option"]

_LABELS = ("dataset", "model", "condition", "saliency", "probe", "other", "other condition", "against")
_HITS = ("accuracy", "shape bias", "shape hits", "texture hits")
_LARGE, _SMALL = 1000, 1e-3


def format_option(command: Any) -> Any:
    """Give a command the option ``--format``, and its short forms, as ``form``."""
    for decorate in (
        click.option("--json", "form", flag_value="json", help="Short for --format json."),
        click.option("--csv", "form", flag_value="csv", help="Short for --format csv."),
        click.option(
            "--format",
            "form",
            type=click.Choice(tuple(FORMATS)),
            help="csv and json have every column, unrounded; latex and markdown are for a paper.",
        ),
    ):
        command = decorate(command)
    return command


def echo_frame(table: pd.DataFrame, form: str | None = None, caption: Sequence[str] = ()) -> None:
    """Write a table in a format, or for people, with intervals beside the numbers and without empty columns.

    Args:
        table: the table.
        form: the format; None is for people.
        caption: sentences below it; they go to stderr if the table has a format for programs.
    """
    if form is not None:
        click.echo(write(table, form), nl=False)
        echo_lines(caption, err=True)
        return
    if "note" in table.attrs:
        echo_lines([table.attrs["note"]], err=True)
    rows = records(table[with_values(table)])
    if not rows:
        echo_lines(caption)
        return
    for row in rows:
        if row.get("eps") is not None:
            row["eps"] = spell_scalar(row["eps"])
        if "value" in row and row["value"] is None:
            row["value"] = UNDEFINED
    columns, joined = _with_intervals(rows)
    said = [*_methods(columns), *_reference(columns)]
    columns = _named(columns)
    order = sorted(columns, key=lambda name: _column_order(name, columns[name], joined))
    shown = {name.replace("_", " "): columns[name] for name in order}
    kept = {*joined, *_HITS, *({"value", str(rows[0].get("metric"))} & shown.keys())}
    echo_table(
        [*shown],
        list(zip(*shown.values(), strict=True)),
        labels=_LABELS,
        kept=kept,
        droppable=True,
        caption=[*said, *caption],
    )


def _with_intervals(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, list[Any]], list[str]]:
    """Join ``low`` and ``high`` with ``value``, and ``NAME_low`` and ``NAME_high`` with ``NAME``; return the names."""
    columns, joined = {name: [row[name] for row in rows] for name in rows[0]}, []
    for name in list(columns):
        low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
        if low in columns and high in columns:
            columns[name] = estimates(columns[name], columns.pop(low), columns.pop(high))
            joined.append(name)
    return columns, joined


def _methods(columns: dict[str, list[Any]]) -> Iterator[str]:
    """Remove the columns ``method`` and ``test`` if they depend only on the metric, and state their values once."""
    metrics = columns.get("metric", [])
    for name, heading in (("method", "Intervals"), ("test", "Tests")):
        pairs = dict.fromkeys(zip(metrics, columns.get(name, ()), strict=False))
        if not pairs or len({metric for metric, _ in pairs}) < len(pairs):
            continue
        of: dict[str, list[str]] = {}
        for metric, how in pairs:
            of.setdefault(how, []).append(metric)
        texts = [how if len(of) == 1 else f"{how} ({', '.join(several)})" for how, several in of.items() if how]
        del columns[name]
        yield f"{heading}: {'; '.join(texts)}"


def _reference(columns: dict[str, list[Any]]) -> Iterator[str]:
    """Remove the column ``against`` if it has only one model, and name the model."""
    others = {other for other in columns.get("against", ()) if other}
    if len(others) == 1:
        del columns["against"]
        yield f"Differences are from {others.pop()}"


def _named(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Name the column of values after the metric if there is only one."""
    metrics = {*columns.get("metric", ())}
    if len(metrics) != 1 or "value" not in columns or metrics & columns.keys():
        return columns
    (metric,) = metrics
    return {metric if name == "value" else name: column for name, column in columns.items() if name != "metric"}


def _column_order(name: str, column: Sequence[Any], joined: Sequence[str]) -> int:
    """Order the columns: names first, then the numbers with intervals, then counts and other numbers."""
    if name in joined or any(isinstance(value, str) and value.endswith("]") for value in column):
        return 1
    return 0 if any(isinstance(value, str) and value != UNDEFINED for value in column) else 2


def estimates(values: Sequence[Any], lows: Sequence[Any], highs: Sequence[Any]) -> list[str | None]:
    """Write aligned numbers with their intervals, such as ``0.203 [0.163, 0.251]``.

    Args:
        values: numbers; None, or text if a number is undefined.
        lows, highs: the ends of their intervals; None if there is no interval.
    """
    numbers = [each for each in (*values, *lows, *highs) if isinstance(each, float | int)]
    large = any(abs(number) >= _LARGE for number in numbers)
    small = bool(numbers) and 0 < max(map(abs, numbers)) < _SMALL
    kind = ".4g" if large or small else ".3f"
    texts = [
        ["" if each is None else each if isinstance(each, str) else format(each, kind) for each in column]
        for column in (values, lows, highs)
    ]
    first, second, third = (max(map(len, column), default=0) for column in texts)
    return [
        value.rjust(first) + (f" [{low.rjust(second)}, {high.rjust(third)}]" if low and high else "") if value else None
        for value, low, high in zip(*texts, strict=True)
    ]
