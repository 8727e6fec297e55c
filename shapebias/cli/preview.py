"""``shapebias preview``: a contact sheet of what conditions do to some images."""

from __future__ import annotations

from typing import Any

import click

from shapebias.cli._completion import FILE, ComponentType
from shapebias.cli._options import device_option, seed_option
from shapebias.cli._output import examples, working_catalog

__all__ = ["command"]


@click.command(
    "preview",
    epilog=examples(
        "shapebias preview stimuli -t saturate:p=8 -t patch-shuffle:k=4 -c grayscale+low-pass:radius=8",
        "shapebias preview stimuli:cue=conflict -m cnn:num_classes=8 -a pgd:eps=8/255 --images 3 -o pgd.png",
        "shapebias preview stimuli -m standard=cnn:8 -m other=cnn:8,seed=1 --towards 0 --towards 3 -o classes.png",
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
@click.option(
    "-m",
    "--model",
    "models",
    metavar="MODEL",
    type=ComponentType("model"),
    multiple=True,
    help="A model to attack; may be repeated.",
)
@click.option(
    "--towards",
    "classes",
    metavar="CLASS",
    multiple=True,
    help="Change the images towards CLASS, a name or an index; may be repeated.",
)
@click.option(
    "--images", type=click.IntRange(min=1), metavar="N", default=6, show_default=True, help="Use at most N images."
)
@seed_option
@device_option
@click.option(
    "-o", "--output", metavar="FILE", type=FILE, default="preview.png", show_default=True, help="A .png or .jpg file."
)
def command(
    dataset: str,
    transforms: tuple[str, ...],
    attacks: tuple[str, ...],
    chains: tuple[str, ...],
    models: tuple[str, ...],
    classes: tuple[str, ...],
    images: int,
    seed: int,
    device: str,
    output: str,
) -> None:
    """Show what conditions do to some images of DATASET.

    The picture has one row for each image and one column for each condition, 'clean' first.  Images are spread evenly
    over the data set, and are those that a run with the same seed shows to its models.

    With --towards each attack is targeted at CLASS and runs to its last step; the default attack is 120 steps of linf
    PGD within 40/255.  The result shows what a network associates with the class: with an adversarially trained network
    it looks like the class.
    """
    working_catalog()

    from shapebias.rendering import class_images
    from shapebias.rendering import preview as previewing

    conditions: list[Any] = [*transforms, *chains]
    conditions += class_images.towards(dataset, classes, attacks) if classes else attacks
    shown = previewing.preview(dataset, conditions, [*models] or None, images=images, seed=seed, device=device)
    shown.save(output)
    click.echo(f"{len(shown.ids)} images under {len(shown.titles)} conditions are in {output}.")
