"""``shapebias report``: a page that shows results."""

from __future__ import annotations

from contextlib import ExitStack

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples, working_catalog

__all__ = ["command"]


@click.command(
    "report",
    epilog=examples(
        "shapebias report run.h5 -o report.html",
        "shapebias report a.h5 b.h5 --images 60 -o report.html",
    ),
)
@click.argument("files", metavar="RUN.h5...", nargs=-1, required=True, type=FILE)
@click.option(
    "-o", "--output", metavar="REPORT.html", type=FILE, required=True, help="The page; an old one is replaced."
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    metavar="N",
    help="Show at most N images of each data set in the image browser.",
)
@click.option(
    "--models",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show at most N models; of more, N that are evenly spaced in the order of the study.  [default: 50, or fewer "
    "if there are more and many conditions]",
)
@click.option("--title", metavar="TEXT", help="The page's title.  [default: Shape or texture?]")
def command(files: tuple[str, ...], output: str, images: int, models: int | None, title: str | None) -> None:
    """Write one page that shows results.

    It has the finding, charts, maps, images, tables, failures and provenance.  Several files are shown side by side.
    The page is a single file that opens anywhere, also offline.
    """
    from shapebias.reporting.page import report
    from shapebias.store.results import open_store

    working_catalog()
    with ExitStack() as opened:
        results = [opened.enter_context(open_store(file)) for file in files]
        report(results, output, images=images, models=models, title=title)
    click.echo(f"The page is in {output}.")
