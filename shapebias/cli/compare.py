"""``shapebias compare``: what changed between two results files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shapebias.cli._completion import FILE
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
        "shapebias compare a.h5 b.h5 --report changes.html",
    ),
)
@click.argument("before", metavar="BEFORE.h5", type=FILE)
@click.argument("after", metavar="AFTER.h5", type=FILE)
@click.option(
    "--report", "page", metavar="PAGE.html", type=FILE, help="Also write a page of both files, with this table on top."
)
@format_option
def command(before: str, after: str, page: str | None, form: str | None) -> None:
    """Show what changed between two results files, on the same images.

    Models with the same label are compared, or the only model of each file, on the images that both files have.  A
    difference is AFTER minus BEFORE, with its paired interval.  'lost' and 'gained' count the images that only BEFORE
    and only AFTER answers correctly; p is corrected for the number of tests of that model (Holm).
    """
    from shapebias.reporting.combined import CombinedResults
    from shapebias.reporting.comparison import compare
    from shapebias.reporting.page import LeadTable, write_page
    from shapebias.store.results import open_store

    working_catalog()
    with open_store(before) as first, open_store(after) as second:
        table = compare(first, second)
        shown = _for_people(table)
        if page is not None:
            lead = LeadTable.of(shown, "What changed", ["Differences are after minus before, on the same images."])
            write_page(
                CombinedResults([first, second]),
                page,
                title=f"{Path(after).name} against {Path(before).name}",
                lead=lead,
            )
            click.echo(f"The page is in {page}.", err=form is not None)
    echo_frame(table if form else shown, form)


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Join each difference with its interval, and leave out the columns on how it was computed."""
    rows = zip(table["value"], table["low"], table["high"], strict=True)
    differences = [f"{value:+.3f} [{low:+.3f}, {high:+.3f}]" for value, low, high in rows]
    names = {"p_adjusted": "p", "metric": "of"}
    shown = table.assign(value=differences, metric=table["metric"].str.removesuffix("-difference"), p=None)
    shown = shown.drop(columns=["low", "high", "p", "method", "test"])
    return shown.rename(columns={"value": "difference", **names})
