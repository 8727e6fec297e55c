"""What the commands share: tables, the argument KIND, and the warning about plugins that failed to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import click

from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.specs import KINDS
from shapebias.reporting.export import UNDEFINED

__all__ = ["KIND", "KindChoice", "echo_table", "examples", "working_catalog"]

_Value: TypeAlias = str | float | None


class KindChoice(click.Choice[str]):
    """A kind of component; the plural is accepted."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read ``transform`` or ``transforms``."""
        singular = str(value).removesuffix("s")
        return super().convert(singular if singular in self.choices else value, param, ctx)


KIND = KindChoice(tuple(KINDS))


def examples(*commands: str) -> str:
    """Make the end of a command's help; the first line tells click to keep the lines as they are."""
    return "\n  ".join(["\b\nExamples:", *commands])


def working_catalog() -> Catalog:
    """Return the catalog, and say on stderr which plugins have problems."""
    catalog = default_catalog()
    for plugin in catalog.plugins:
        for problem in plugin.problems:
            click.echo(
                f"Warning: plugin {plugin.title}, {problem.stage}: {problem.message} "
                "(see 'shapebias plugins --traceback')",
                err=True,
            )
    return catalog


def echo_table(columns: Sequence[str], rows: Iterable[Sequence[_Value]]) -> None:
    """Write a table to stdout: by rich on a terminal, as plain aligned text in a pipe; numbers are right-aligned.

    Args:
        columns: headings.
        rows: texts and numbers; numbers are rounded to four digits, None and NaN are left empty.
    """
    from rich.console import Console

    values = [list(row) for row in rows]
    right = [
        bool(values) and all(row[at] == UNDEFINED or not isinstance(row[at], str) for row in values)
        for at in range(len(columns))
    ]
    texts = [[_text(value) for value in row] for row in values]
    console = Console(soft_wrap=False)
    if console.is_terminal:
        console.print(_rich_table(columns, texts, right))
        return
    lines = [list(columns), *texts]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        cells = zip(line, widths, right, strict=True)
        aligned = (text.rjust(width) if to_right else text.ljust(width) for text, width, to_right in cells)
        click.echo("  ".join(aligned).rstrip())


def _rich_table(columns: Sequence[str], texts: Iterable[Sequence[str]], right: Sequence[bool]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column, to_right in zip(columns, right, strict=True):
        table.add_column(Text(column), justify="right" if to_right else "left", overflow="fold")
    for row in texts:
        table.add_row(*map(Text, row))
    return table


def _text(value: _Value) -> str:
    if value is None or value != value:  # noqa: PLR0124 - only NaN is not itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
