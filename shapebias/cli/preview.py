"""``shapebias preview``: a picture of what conditions do to some images."""

from __future__ import annotations

import click

from shapebias.cli._completion import ComponentType
from shapebias.cli._options import device_option, seed_option
from shapebias.cli._output import examples, working_catalog

__all__ = ["command"]


@click.command(
    "preview",
    epilog=examples(
        "shapebias preview stimuli -t saturate:p=8 -t patch-shuffle:k=4 -c grayscale+low-pass:radius=8",
        "shapebias preview stimuli:cue=conflict -m cnn:num_classes=8 -a pgd:eps=8/255 --images 3 -o pgd.png",
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
    help="A transform; may be repeated.",
)
@click.option(
    "-a",
    "--attack",
    "attacks",
    metavar="ATTACK",
    type=ComponentType("attack"),
    multiple=True,
    help="An attack on MODEL; may be repeated.",
)
@click.option(
    "-c", "--condition", "chains", metavar="CONDITION", multiple=True, help="Steps joined by '+'; may be repeated."
)
@click.option("-m", "--model", metavar="MODEL", type=ComponentType("model"), help="Whom the attacks attack.")
@click.option(
    "--images", type=click.IntRange(min=1), metavar="N", default=6, show_default=True, help="The most images."
)
@seed_option
@device_option
@click.option("-o", "--output", metavar="FILE", default="preview.png", show_default=True, help="A .png or .jpg file.")
def command(
    dataset: str,
    transforms: tuple[str, ...],
    attacks: tuple[str, ...],
    chains: tuple[str, ...],
    model: str | None,
    images: int,
    seed: int,
    device: str,
    output: str,
) -> None:
    """Show what conditions do to some images of DATASET.

    The picture has a row for each image, spread evenly over the data set, and a column for each condition, 'clean'
    first.  These are the very images that a run with the same seed shows to its models.
    """
    working_catalog()

    from shapebias.rendering import preview as previewing

    shown = previewing.preview(
        dataset, [*transforms, *attacks, *chains], model, images=images, seed=seed, device=device
    )
    shown.save(output)
    click.echo(f"{len(shown.ids)} images under {len(shown.titles)} conditions are in {output}.")
