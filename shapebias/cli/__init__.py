"""The command line: one file per command, imported when the command is used."""

from __future__ import annotations

import errno
import importlib
import keyword
import os
import traceback
from typing import Any

import click

from shapebias.cli._options import PathType, write_log
from shapebias.cli._output import examples
from shapebias.defaults import user_defaults
from shapebias.errors import ShapebiasError, suggestion

__all__ = ["COMMANDS", "main"]

# Each is a file of this package with the click command ``command``; the order is that of the help.
COMMANDS = (
    "fetch",
    "profile",
    "preview",
    "run",
    "results",
    "compare",
    "leaderboard",
    "report",
    "figure",
    "train",
    "make",
    "list",
    "show",
    "references",
    "config",
    "plugins",
    "new-plugin",
    "verify",
    "pack",
    "merge",
    "drop",
    "import",
    "export",
)


_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}


class _Failure(click.ClickException):
    exit_code = 2  # 1 is for studies with failed cells


class _Commands(click.Group):
    """Find commands by their files, and turn the errors of shapebias into one message and exit status 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words of the command line: ``train --devices`` gives them to other processes."""
        ctx.meta["shapebias.words"] = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List the commands without importing them."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the file of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command: click.Command = importlib.import_module(f"shapebias.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; if there is none of that name, suggest the closest one."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"no command {args[0]!r}{suggestion(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its options take the user's defaults."""
        try:
            own = user_defaults()
            ctx.default_map = {name: {**own, "check": own} for name in COMMANDS}
            return super().invoke(ctx)
        except ShapebiasError as error:
            if ctx.params["verbose"]:
                traceback.print_exception(error)
            raise _Failure(str(error)) from error
        except OSError as error:
            if error.errno not in _OF_THE_DISK:
                raise
            if ctx.params["verbose"]:
                traceback.print_exception(error)
            raise _Failure(
                f"{error.filename or 'a file'} cannot be read or written: {error.strerror}; make room, get permission, "
                "or choose another folder"
            ) from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "shapebias profile timm:resnet50 --report resnet50.html",
        "shapebias run -d cue-conflict:PATH -m timm:resnet50 -t saturate:p=8 -o run.h5",
        "shapebias results run.h5",
        "shapebias show saturate",
    ),
)
@click.version_option(package_name="shapebias")
@click.option(
    "--plugins-dir",
    "folders",
    metavar="DIR",
    multiple=True,
    type=PathType(exists=True, file_okay=False),
    help="Load the one-file plugins of a folder; may be repeated.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show log messages, and the traceback of an error.")
def main(folders: tuple[str, ...], verbose: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Does this image classifier look at shape or at texture?"""
    if verbose:  # otherwise Python's default: a second handler would repeat the messages of libraries that have one
        write_log()
    if folders:
        # The environment, because worker processes inherit it.
        there = os.environ.get("SHAPEBIAS_PLUGINS_DIR", "")
        os.environ["SHAPEBIAS_PLUGINS_DIR"] = os.pathsep.join(filter(None, [there, *map(os.path.abspath, folders)]))
