"""``shapebias drop``: remove cells from a results file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples

__all__ = ["command"]


def _several(short: str, name: str) -> Callable[[Any], Any]:
    words = f"Cells of this {name.replace('dataset', 'data set').replace('saliency', 'saliency method')}"
    return click.option(short, f"--{name}", metavar=name.upper(), multiple=True, help=f"{words}; may be repeated.")


@click.command(
    "drop",
    epilog=examples(
        "shapebias drop run.h5 -m timm:resnet5",
        "shapebias drop run.h5 -m standard -c saturate:p=8 --dry-run",
        "shapebias drop run.h5 -m standard --rename ResNet-50",
    ),
)
@click.argument("file", metavar="RUN.h5", type=FILE)
@_several("-d", "dataset")
@_several("-m", "model")
@_several("-c", "condition")
@_several("-s", "saliency")
@_several("-p", "probe")
@click.option(
    "--rename", "to", metavar="NAME", help="Remove nothing; give the one component that is named a new name in tables."
)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.pass_context
def command(ctx: click.Context, /, file: str, to: str | None, dry_run: bool, **names: tuple[str, ...]) -> None:  # noqa: FBT001
    """Remove cells from a results file, finished or failed.

    Names are those of 'shapebias results'.  Several names of one kind remove the cells of each; names of several kinds
    remove the cells that have all of them.  If the study is run again, it computes the removed cells again.  With
    --rename nothing is removed: a data set, model, condition, saliency method or probe gets another name in tables.
    """
    if not any(names.values()):
        raise click.UsageError("name what to remove, such as -m MODEL", ctx)

    if to is not None:
        _rename(ctx, file, names, to)
        return

    from shapebias.store import drop
    from shapebias.store.layout import ROLES

    removed = drop(file, **names, dry_run=dry_run)
    for row in removed[[*ROLES]].itertuples(index=False):
        click.echo(" | ".join(name for name in row if isinstance(name, str)))
    count = f"{len(removed)} cell{'s' * (len(removed) != 1)}"
    click.echo(f"{count} would be removed from {file}." if dry_run else f"{count} removed from {file}.")


def _rename(ctx: click.Context, file: str, names: Mapping[str, tuple[str, ...]], to: str) -> None:
    given = [(role, name) for role, several in names.items() for name in several]
    if len(given) != 1:
        raise click.UsageError("--rename needs one component to rename, such as -m MODEL", ctx)

    from shapebias.store import rename

    ((role, name),) = given
    count = rename(file, role, name, to)
    click.echo(f"{name} is called {to} in {count} cell{'s' * (count != 1)} of {file}.")
