"""``shapebias make``: a transformed copy of a data set, as images."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from shapebias.cli._completion import FOLDER, ComponentType
from shapebias.cli._options import device_option, log_options, seed_option
from shapebias.cli._output import examples, working_catalog
from shapebias.cli._progress import progress_bar
from shapebias.spelling.grammar import spell_scalar

if TYPE_CHECKING:
    from shapebias.rendering.make import WrittenDataset

__all__ = ["command"]

_COUNT = click.IntRange(min=1)


@click.command(
    "make",
    epilog=examples(
        "shapebias make stimuli:images=56 -t edges -o outlines",
        "shapebias make stimuli:cue=conflict -c grayscale+saturate:p=8 --limit 20 -o stimuli",
    ),
)
@click.argument("dataset", metavar="DATASET", type=ComponentType("dataset"))
@click.option(
    "-t",
    "--transform",
    "transforms",
    metavar="TRANSFORM",
    type=ComponentType("transform"),
    multiple=True,
    help="The transform.",
)
@click.option("-c", "--condition", "chains", metavar="CONDITION", multiple=True, help="Transforms joined by '+'.")
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=FOLDER,
    required=True,
    help="Folder of the images; an existing one is continued.",
)
@seed_option
@click.option("--limit", type=_COUNT, metavar="N", help="Use at most N images, evenly spread.  [default: all]")
@device_option
@click.option("--batch-size", type=_COUNT, metavar="N", help="Images transformed at once.  [default: by the device]")
@click.option("--workers", type=_COUNT, metavar="N", help="Threads that decode or encode.  [default: one per core]")
@log_options
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: str,
    transforms: tuple[str, ...],
    chains: tuple[str, ...],
    output: str,
    seed: int,
    limit: int | None,
    device: str,
    batch_size: int | None,
    workers: int | None,
    quiet: bool,  # noqa: FBT001 - click passes by keyword
) -> None:
    """Write a transformed copy of DATASET as PNG images.

    The pixels are those that a run with the same seed shows to its models, rounded to 8 bits; without a transform they
    are those of the data set.  Each image is in the folder of its class; manifest.json lists ids, labels and digests,
    and how the images were made.  Run the same command again to continue: finished images are kept.  The exit status
    is 1 if an image could not be read.
    """
    conditions = [*transforms, *chains]
    if len(conditions) > 1:
        raise click.UsageError(f"a copy has only one condition; join its steps: -c '{'+'.join(conditions)}'", ctx)
    working_catalog()

    from shapebias.rendering import make as making
    from shapebias.runtime.progress import Interrupted

    try:
        with progress_bar(quiet=quiet) as progress:
            made = making.make(
                dataset,
                conditions or "clean",
                output,
                seed=seed,
                limit=limit,
                device=device,
                batch_size=batch_size,
                workers=workers,
                progress=progress,
            )
    except Interrupted as interrupted:
        click.echo(str(interrupted), err=True)
        ctx.exit(130)  # 128 + SIGINT, as in shells
    if not quiet:
        _echo(made)
    for row, error in made.manifest.failures.items():
        click.echo(f"Failed: image {row} of the data set\n  {error}", err=True)
    ctx.exit(1 if made.manifest.failures else 0)


def _echo(made: WrittenDataset) -> None:
    there = len(made.manifest.images)
    before = f", {there - made.new} of them from earlier runs" if made.new < there else ""
    read_as = shlex.quote(f"folder:{spell_scalar(str(made.folder))},labels=manifest.json")
    click.echo(f"{there} images are in {made.folder}{before}; read them as {read_as}")
