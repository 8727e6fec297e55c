"""Options that several commands have, in the same words."""

from __future__ import annotations

import click

__all__ = ["device_option", "seed_option"]

device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Belongs to every random number, as in run.",
)
