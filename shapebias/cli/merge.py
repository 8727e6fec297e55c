"""``shapebias merge``: join results files whose cells agree."""

from __future__ import annotations

import click

from shapebias.cli._output import examples

__all__ = ["command"]


@click.command(
    "merge",
    epilog=examples("shapebias merge a.h5 b.h5 -o both.h5", "shapebias merge run-1.h5 run-2.h5 run-3.h5 -o all.h5"),
)
@click.argument("files", metavar="RUN.h5...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="RUN.h5", required=True, help="The joined file, which does not exist yet.")
def command(files: tuple[str, ...], output: str) -> None:
    """Join results files into one.

    Cells that are in several must agree.  Shards of a study must all be there, each once.
    """
    from shapebias.store import merge

    merge(files, output)
    click.echo(f"Results are in {output}.")
