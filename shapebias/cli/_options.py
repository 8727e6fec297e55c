"""Options that several commands share."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import click

from shapebias.cli._completion import ComponentType
from shapebias.paths import as_path
from shapebias.plugins.specs import Kind

__all__ = [
    "COUNT",
    "OPTIONS",
    "PathType",
    "device_option",
    "execution_options",
    "executor_option",
    "log_options",
    "replace_option",
    "seed_option",
    "write_log",
]

OPTIONS: dict[Kind, str] = {
    "dataset": "-d",
    "model": "-m",
    "transform": "-t",
    "attack": "-a",
    "saliency": "-s",
    "probe": "-p",
    "executor": "--executor",
}
"""The option of each kind of component, in ``run``."""

COUNT = click.IntRange(min=1)


class PathType(click.Path):
    """A path in which a leading ``~`` is the home folder, even if the shell does not expand it: ``--option=~/file``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Expand ``~``, then check as click does."""
        return super().convert(as_path(value) if isinstance(value, str | Path) else value, param, ctx)


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    shell_complete=lambda _, __, typed: [name for name in ("auto", "cpu", "cuda") if name.startswith(typed)],
    help="auto, cpu, cuda or cuda:1.",
)

replace_option = click.option(
    "--replace", is_flag=True, help="Compute again the cells that the file has with other settings, files or seed."
)


def execution_options(command: Any) -> Any:
    """Give a command the options of :func:`shapebias.run` for where and how it computes."""
    for decorate in (
        click.option("--workers", type=COUNT, metavar="N", help="Threads that decode images.  [default: one per core]"),
        click.option(
            "--precision",
            type=click.Choice(["float32", "bfloat16", "float16"]),
            default="float32",
            show_default=True,
            help="Precision of predictions.",
        ),
        click.option("--chunk", type=COUNT, metavar="N", help="Images in a backward pass.  [default: by the device]"),
        click.option(
            "--batch-size", type=COUNT, metavar="N", help="Images in a forward pass.  [default: by the device]"
        ),
        device_option,
    ):
        command = decorate(command)
    return command


executor_option = click.option(
    "--executor",
    type=ComponentType("executor"),
    metavar="NAME",
    help="Where cells are computed, such as ray:workers=8; see 'shapebias list executor'.  [default: this process]",
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of all random numbers, as in run.",
)


def write_log(file: Path | None = None) -> None:
    """Write log messages of level INFO to a file, or to stderr."""
    handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    form = "%(asctime)s %(name)s: %(message)s" if file else "%(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(form))
    logger = logging.getLogger("shapebias")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    # A handler that was added for this command is removed with it.
    root = click.get_current_context().find_root()
    root.call_on_close(functools.partial(logger.removeHandler, handler))
    root.call_on_close(handler.close)


def log_options(command: Any) -> Any:
    """Give a command ``-v`` and ``--log-file``; they act at once and are not parameters of the command."""

    def verbose(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        if value and not ctx.find_root().params.get("verbose"):
            ctx.find_root().params["verbose"] = True
            write_log()

    def to_file(_: click.Context, __: click.Parameter, value: Path | None) -> None:
        if value is not None:
            write_log(value)

    for decorate in (
        click.option(
            "--log-file",
            type=PathType(dir_okay=False, writable=True, path_type=Path),
            metavar="FILE",
            callback=to_file,
            expose_value=False,
            help="Add the log messages of -v to a file.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            callback=verbose,
            expose_value=False,
            help="Log what is loaded, where time is spent, and what is skipped; show the traceback of an error.",
        ),
    ):
        command = decorate(command)
    return command
