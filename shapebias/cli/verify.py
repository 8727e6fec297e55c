"""``shapebias verify``: check every checksum and reference of a results file."""

from __future__ import annotations

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples

__all__ = ["command"]


@click.command("verify", epilog=examples("shapebias verify run.h5"))
@click.argument("file", metavar="RUN.h5", type=FILE)
@click.pass_context
def command(ctx: click.Context, /, file: str) -> None:
    """Check every checksum and reference in a results file.

    The exit status is 1 if anything is wrong.
    """
    from shapebias.store import verify

    problems = verify(file)
    for problem in problems:
        click.echo(problem)
    if problems:
        ctx.exit(1)
    click.echo(f"{file} is intact.")
