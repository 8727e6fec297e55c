"""``shapebias figure``: one figure for a paper."""

from __future__ import annotations

from contextlib import ExitStack

import click

from shapebias.cli._completion import FILE, complete_figure
from shapebias.cli._output import echo_table, examples, working_catalog

__all__ = ["command"]


def _list(ctx: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's signature
    from shapebias.reporting.figures import FIGURES
    from shapebias.spelling.params import describe

    if not asked or ctx.resilient_parsing:
        return
    rows = [
        (name, ", ".join(row.name for row in describe(each.load())), each.summary) for name, each in FIGURES.items()
    ]
    echo_table(["figure", "settings", "shows"], rows)
    ctx.exit()


@click.command(
    "figure",
    epilog=examples(
        "shapebias figure run.h5 shape-bias -o shape-bias.pdf",
        "shapebias figure run.h5 curves:of=pgd -o robustness.svg",
        "shapebias figure a.h5 b.h5 error-consistency -o consistency.png",
        "shapebias figure --list",
    ),
)
@click.argument("files", metavar="RUN.h5...", nargs=-1, required=True, shell_complete=complete_figure)
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", metavar="FILE", type=FILE, required=True, help="The file to write: .pdf, .png or .svg.")
@click.option(
    "--list", is_flag=True, expose_value=False, is_eager=True, callback=_list, help="List the figures and exit."
)
def command(files: tuple[str, ...], name: str, output: str) -> None:
    """Write the figure NAME, sized for a paper's column.

    NAME may have settings, such as saliency:images=4,method=smoothgrad; see --list.
    """
    from shapebias.reporting.drawing import figure
    from shapebias.store.results import open_store

    working_catalog()
    with ExitStack() as opened:
        figure([opened.enter_context(open_store(file)) for file in files], name, output)
    click.echo(f"The figure is in {output}.")
