"""Options that several commands have, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shapebias.paths import as_path

__all__ = ["COUNT", "PathType", "device_option", "execution_options", "replace_option", "seed_option"]

COUNT = click.IntRange(min=1)


class PathType(click.Path):
    """A path, in which a leading ``~`` is the home folder also where the shell leaves it: ``--option=~/file``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand, then check as click does."""
        return super().convert(as_path(value) if isinstance(value, str | Path) else value, param, ctx)


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")

replace_option = click.option(
    "--replace", is_flag=True, help="Compute again what the file has with another seed, other files or settings."
)


def execution_options(command: Any) -> Any:
    """Give a command the options of :func:`shapebias.run` that say where and how it computes."""
    for decorate in (
        click.option("--workers", type=COUNT, metavar="N", help="Threads that decode images.  [default: one a core]"),
        click.option(
            "--precision",
            type=click.Choice(["float32", "bfloat16", "float16"]),
            default="float32",
            show_default=True,
            help="Of predictions.",
        ),
        click.option("--chunk", type=COUNT, metavar="N", help="Images in a backward pass.  [default: by the device]"),
        click.option(
            "--batch-size", type=COUNT, metavar="N", help="Images in a forward pass.  [default: by the device]"
        ),
        device_option,
    ):
        command = decorate(command)
    return command


seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of all random numbers, as in run.",
)
