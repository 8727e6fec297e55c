"""``shapebias leaderboard``: models sorted by a measure, and which differences are beyond chance."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import click

from shapebias.cli._completion import FILE
from shapebias.cli._frames import echo_frame, format_option
from shapebias.cli._output import echo_table, examples, working_catalog
from shapebias.errors import SpellingError, suggestion
from shapebias.reporting.export import records

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults

__all__ = ["command"]


@click.command(
    "leaderboard",
    short_help="Sort models, and show which differences are beyond chance.",
    epilog=examples(
        "shapebias leaderboard profile.h5",
        "shapebias leaderboard a.h5 b.h5 --by accuracy",
    ),
)
@click.argument("files", metavar="RUN.h5...", nargs=-1, required=True, type=FILE)
@click.option(
    "--by",
    "measure",
    type=click.Choice(["shape-bias", "accuracy"]),
    help="What models are sorted by.  [default: shape-bias if cues conflict, else accuracy]",
)
@click.option("-d", "--dataset", metavar="NAME", help="The data set.  [default: the first that has the measure]")
@click.option("-c", "--condition", metavar="NAME", default="clean", show_default=True, help="The condition.")
@click.option(
    "--report",
    "page",
    metavar="PAGE.html",
    type=FILE,
    help="Also write the page of the results, with this table on top.",
)
@format_option
def command(
    files: tuple[str, ...],
    measure: Literal["shape-bias", "accuracy"] | None,
    dataset: str | None,
    condition: str,
    page: str | None,
    form: str | None,
) -> None:
    """Sort the models of results files by shape bias or accuracy.

    'beyond chance' lists the ranks of lower-ranked models that differ from a model at the 5 % level, by a paired test
    on the images that both have answered, corrected for the number of pairs (Holm).
    """
    from shapebias.reporting.combined import CombinedResults
    from shapebias.store.results import open_store

    working_catalog()
    with ExitStack() as opened:
        results = CombinedResults([opened.enter_context(open_store(file)) for file in files])
        table = _only(_ranked(results, measure, dataset), "condition", condition)
        table = _only(table, "dataset", dataset or (table["dataset"].iloc[0] if len(table) else None))
        if page is not None:
            _write_page(results, table, page)
            click.echo(f"The page is in {page}.", err=form is not None)
    if form is not None or table.empty:
        echo_frame(table, form)
        return
    _echo(table)


def _ranked(results: CombinedResults, measure: str | None, dataset: str | None) -> pd.DataFrame:
    """Compute the metric ``leaderboard`` by the given measure, or by shape bias if it is known, else accuracy."""
    table = results.metric(f"leaderboard:of={measure or 'shape-bias'}")
    if measure is None and not len(table if dataset is None else table[table["dataset"] == dataset]):
        table = results.metric("leaderboard:of=accuracy")
    return table[table["eps"].isna()]


def _only(table: pd.DataFrame, column: str, wanted: str | None) -> pd.DataFrame:
    """Keep the rows of one data set or condition.

    Raises:
        SpellingError: there are none.
    """
    kept = table[table[column] == wanted]
    if len(table) and kept.empty:
        known = list(dict.fromkeys(table[column]))
        raise SpellingError(
            f"no {column} is called {wanted!r}{suggestion(str(wanted), known)}; there are: {', '.join(known)}"
        )
    return kept


def _write_page(results: CombinedResults, table: pd.DataFrame, page: str) -> None:
    from shapebias.reporting.page import LeadTable, write_page

    ranks = "'beyond chance' has the ranks of the models that differ, 'not told apart' of those that may not."
    lead = LeadTable("Leaderboard", *_in_words(table), [_basis(table), ranks]) if len(table) else None
    write_page(results, page, title="Leaderboard", lead=lead)


def _echo(table: pd.DataFrame) -> None:
    echo_table(*_in_words(table))
    click.echo(f"\n{_basis(table)}")
    if "note" in table.attrs:
        click.echo(table.attrs["note"], err=True)


def _basis(table: pd.DataFrame) -> str:
    """Describe the data, the condition and the test of the ranking."""
    first = records(table)[0]
    pairs = f"{first['pairs']} pair{'s' if first['pairs'] != 1 else ''}"
    return f"{first['dataset']}, {first['condition']}; {first['test']} test of {pairs}, Holm's correction, 5 %"


def _in_words(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows as text."""
    rows = records(table)
    name = str(rows[0]["metric"]).replace("-", " ")
    columns = ["rank", "model", name, "n", "beyond chance", "not told apart"]
    columns += ["no common images"] * any(row["not_compared"] for row in rows)
    shown = [
        [
            row["rank"],
            row["model"],
            f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
            row["n"],
            row["above"],
            row["not_told_apart"],
            row["not_compared"],
        ][: len(columns)]
        for row in rows
    ]
    return columns, [["" if value is None else str(value) for value in line] for line in shown]
