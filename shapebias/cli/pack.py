"""``shapebias pack``: combine the finished parts of a run into one file."""

from __future__ import annotations

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples

__all__ = ["command"]


@click.command("pack", epilog=examples("shapebias pack run.h5", "shapebias pack run.h5 --force"))
@click.argument("file", metavar="RUN.h5", type=FILE)
@click.option("--force", is_flag=True, help="Pack even if the result is larger than 1 GB.")
def command(file: str, force: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Combine the finished parts of a run into one file.

    The parts are in RUN.h5.parts.  A run packs its file when it ends; this command is for runs that were killed, and
    for large results.
    """
    from shapebias.store import pack

    pack(file, force=force)
