"""``shapebias export``: results in the formats of other tools."""

from __future__ import annotations

import click

from shapebias.cli._completion import FILE, FOLDER
from shapebias.cli._output import examples

__all__ = ["command"]


_EXAMPLES = examples("shapebias export decisions run.h5 -o exported")


@click.group("export", epilog=_EXAMPLES)
def command() -> None:
    """Write results in the formats of other tools."""


@command.command("decisions", epilog=_EXAMPLES)
@click.argument("file", metavar="RUN.h5", type=FILE)
@click.option("-o", "--output", metavar="DIR", type=FOLDER, required=True, help="The folder for the tables.")
def decisions(file: str, output: str) -> None:
    """Write each model's answers as a table that model-vs-human and 'shapebias import decisions' read."""
    from shapebias.interop import export_decisions
    from shapebias.store.results import open_store

    with open_store(file) as results:
        for path in export_decisions(results, output):
            click.echo(path)
