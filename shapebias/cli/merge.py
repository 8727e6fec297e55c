"""``shapebias merge``: join results files."""

from __future__ import annotations

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples

__all__ = ["command"]


@click.command(
    "merge",
    epilog=examples("shapebias merge a.h5 b.h5 -o both.h5", "shapebias merge run-1.h5 run-2.h5 run-3.h5 -o all.h5"),
)
@click.argument("files", metavar="RUN.h5...", nargs=-1, required=True, type=FILE)
@click.option(
    "-o", "--output", metavar="RUN.h5", type=FILE, required=True, help="The joined file; it must not exist yet."
)
def command(files: tuple[str, ...], output: str) -> None:
    """Join results files into one.

    Cells that several files have must agree.  All shards of a study must be given, each once.
    """
    from shapebias.store import merge

    merge(files, output)
    click.echo(f"Results are in {output}.")
