"""``shapebias compare``: what changed between two results files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapebias.cli._frames import echo_frame, format_option
from shapebias.cli._output import examples, working_catalog

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["command"]


@click.command(
    "compare",
    short_help="Show what changed between two results files.",
    epilog=examples(
        "shapebias compare a.h5 b.h5",
        "shapebias compare a.h5 b.h5 --format latex > changes.tex",
    ),
)
@click.argument("before", metavar="BEFORE.h5")
@click.argument("after", metavar="AFTER.h5")
@format_option
def command(before: str, after: str, form: str | None) -> None:
    """Show what changed between two results files, on the same images.

    Models of the same label are compared, or the only model of each, on the images that both files have.  A difference
    is AFTER minus BEFORE, with its paired interval; 'lost' and 'gained' count the images that only one of the two
    answers right; p is corrected for the number of tests of that model (Holm).
    """
    from shapebias.reporting.comparison import compare
    from shapebias.store.results import open_store

    working_catalog()
    with open_store(before) as first, open_store(after) as second:
        table = compare(first, second)
    echo_frame(table if form else _for_people(table), form)


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Join each difference with its interval, and leave out how it was computed."""
    rows = zip(table["value"], table["low"], table["high"], strict=True)
    differences = [f"{value:+.3f} [{low:+.3f}, {high:+.3f}]" for value, low, high in rows]
    names = {"p_adjusted": "p", "metric": "of"}
    shown = table.assign(value=differences, metric=table["metric"].str.removesuffix("-difference"), p=None)
    shown = shown.drop(columns=["low", "high", "p", "method", "test"])
    return shown.rename(columns={"value": "difference", **names})
