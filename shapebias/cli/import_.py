"""``shapebias import``: published answers."""

from __future__ import annotations

import click

from shapebias.cli._completion import FILE
from shapebias.cli._output import examples

__all__ = ["command"]


_EXAMPLES = examples(
    "shapebias import decisions tables -o humans.h5",
    "shapebias import decisions tables --beside run.h5 -o observers.h5",
)


@click.group("import", short_help="Make a results file from published answers.", epilog=_EXAMPLES)
def command() -> None:
    """Make a results file from published answers."""


@command.command("decisions", short_help="Read tables of human or model decisions.", epilog=_EXAMPLES)
@click.argument("tables", metavar="CSV|DIR...", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "-o", "--output", metavar="HUMANS.h5", type=FILE, required=True, help="The results file; it must not exist yet."
)
@click.option("--beside", metavar="RUN.h5", type=FILE, help="Take the images and labels of this file's data set.")
@click.option("--dataset", metavar="NAME", help="The data set of --beside to use.")
def decisions(tables: tuple[str, ...], output: str, beside: str | None, dataset: str | None) -> None:
    """Read tables of human or model decisions, in the format of model-vs-human or of vision-language models.

    Each observer becomes a model, and each set of stimuli a data set.  With --beside the answers are paired with those
    of the models in that file, image by image, and 'shapebias merge' joins the two files.
    """
    from shapebias.interop import import_decisions

    if dataset is not None and beside is None:
        raise click.UsageError("--dataset chooses a data set of --beside; give --beside RUN.h5 too")
    for observer, answers in import_decisions(tables, output, beside=beside, dataset=dataset).items():
        click.echo(f"{observer}: {answers} answers")
    click.echo(f"Results are in {output}.")
