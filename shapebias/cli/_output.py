"""Output that commands share: tables, the argument KIND, and the warning about plugins that failed to load."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import click

from shapebias.cli._layout import Table, wrapped
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.specs import KINDS
from shapebias.reporting.export import UNDEFINED

__all__ = ["KIND", "KindChoice", "echo_lines", "echo_table", "examples", "working_catalog"]

_Value: TypeAlias = str | float | None
_EXAMPLE = 72  # characters of 80, without the indentation and a backslash


class KindChoice(click.Choice[str]):
    """A kind of component; the plural is accepted."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read ``transform`` or ``transforms``."""
        singular = str(value).removesuffix("s")
        return super().convert(singular if singular in self.choices else value, param, ctx)


KIND = KindChoice(tuple(KINDS))


def examples(*commands: str) -> str:
    """Make the end of a command's help; the first line tells click to keep the lines as they are.

    A command that is longer than a line of a terminal continues on the next one, as shells read it.
    """
    return "\n  ".join(["\b\nExamples:", *map(_in_lines, commands)])


def _in_lines(command: str) -> str:
    """Break a command into lines; an option and its value stay together."""
    joined = re.sub(r"(?<= )(-\S+) (?!-)", r"\1\0", command)
    lines = textwrap.wrap(joined, _EXAMPLE, break_long_words=False, break_on_hyphens=False)
    return " \\\n      ".join(lines).replace("\0", " ")


def working_catalog() -> Catalog:
    """Return the catalog, and warn on stderr about plugins that have problems."""
    catalog = default_catalog()
    for plugin in catalog.plugins:
        for problem in plugin.problems:
            click.echo(
                f"Warning: plugin {plugin.title}, {problem.stage}: {problem.message} "
                "(see 'shapebias plugins --traceback')",
                err=True,
            )
    return catalog


def echo_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[_Value]],
    *,
    labels: Iterable[str] = (),
    kept: Iterable[str] = (),
    droppable: bool = False,
    caption: Iterable[str] = (),
) -> None:
    """Write a table to stdout that fits the terminal, or 80 characters without a terminal.

    A column with the same value in every row is stated once, below the table.  If the table is too wide, ``labels`` are
    shortened and texts are wrapped; in a pipe each row stays one line, unless the environment has COLUMNS.

    Args:
        columns: headings.
        rows: texts and numbers; numbers are rounded to four digits, None and NaN are left empty.
        labels: the columns that name components.
        kept: the columns that stay in the table even if every row has the same value.
        droppable: whether the last columns of numbers may be left out if nothing else helps.
        caption: sentences below the table.
    """
    values = [list(row) for row in rows]
    right = [
        bool(values) and all(row[at] == UNDEFINED or not isinstance(row[at], str) for row in values)
        for at in range(len(columns))
    ]
    texts = [[_text(value) for value in row] for row in values]
    for at in range(len(columns)):
        if right[at]:
            _align_points([row[at] for row in values], texts, at)
    table = Table([*columns], texts, right, frozenset(labels), frozenset(kept), droppable)
    table.without_constants()
    table.fit(_width(), wrap=_is_page())
    for number, line in enumerate(table.lines()):
        click.echo(click.style(line, bold=True) if number < table.heading_lines else line)
    if below := [*table.caption, *caption]:
        click.echo()
        echo_lines(below)


def echo_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Write sentences, each wrapped to the width of the page."""
    for line in lines:
        click.echo("\n  ".join(wrapped(line, _width() - 2)) if _is_page() else line, err=err)


def _width() -> int:
    return shutil.get_terminal_size().columns


def _is_page() -> bool:
    """Return whether stdout has a known width: a terminal, or COLUMNS in the environment."""
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def _align_points(values: Sequence[_Value], texts: Sequence[list[str]], at: int) -> None:
    """Align the decimal points of a column of numbers."""
    ends = [len(row[at]) - (row[at].find(".") if "." in row[at] else len(row[at])) for row in texts]
    longest = max(ends, default=0)
    for value, row, end in zip(values, texts, ends, strict=True):
        if value is not None and longest:
            row[at] += " " * (longest - end)


def _text(value: _Value) -> str:
    if value is None or value != value:  # noqa: PLR0124 - only NaN is not itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
