"""Options that several commands have, in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from shapebias.paths import as_path

__all__ = ["PathType", "device_option", "seed_option"]


class PathType(click.Path):
    """A path, in which a leading ``~`` is the home folder also where the shell leaves it: ``--option=~/file``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand, then check as click does."""
        return super().convert(as_path(value) if isinstance(value, str | Path) else value, param, ctx)


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Belongs to every random number, as in run.",
)
