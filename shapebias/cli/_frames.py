"""Data frames on stdout: for people, or in a format for programs and papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from shapebias.cli._output import echo_table
from shapebias.reporting.export import FORMATS, UNDEFINED, records, with_values, write
from shapebias.spelling.grammar import spell_scalar

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["echo_caption", "echo_frame", "format_option"]


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


def echo_frame(table: pd.DataFrame, form: str | None = None) -> None:
    """Write a table: for people, eps as a fraction and no columns without any value, or in a format."""
    if form is not None:
        click.echo(write(table, form), nl=False)
        return
    if "note" in table.attrs:
        click.echo(table.attrs["note"], err=True)
    rows = records(table[with_values(table)])
    for row in rows:
        if row.get("eps") is not None:
            row["eps"] = spell_scalar(row["eps"])
        if "value" in row and row["value"] is None:
            row["value"] = UNDEFINED
    if rows:
        echo_table([*rows[0]], [[*row.values()] for row in rows])


def echo_caption(lines: Sequence[str], form: str | None = None) -> None:
    """Write what is to be said of a table below it; on stderr where a program reads the table."""
    for line in ["", *lines] if lines and form is None else lines:
        click.echo(line, err=form is not None)
