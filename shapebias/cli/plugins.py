"""``shapebias plugins``: who provides what, and what failed to load."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import click

from shapebias.catalog import default_catalog
from shapebias.cli._output import echo_table, examples
from shapebias.errors import PluginError
from shapebias.plugins import PluginInfo, Problem

__all__ = ["command"]


@click.command(
    "plugins",
    epilog=examples("shapebias plugins", "shapebias plugins --traceback", "shapebias --plugins-dir my_plugins plugins"),
)
@click.option(
    "--traceback",
    "thorough",
    is_flag=True,
    help="Import also what the plugins name, which takes longer, and show the traceback of each problem.",
)
def command(thorough: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the plugins that were found, and their problems.

    A problem is a line on stderr; with SHAPEBIAS_STRICT=1 in the environment it is an error of every command.
    """
    found = [
        (plugin, [*plugin.problems, *(_targets(plugin) if thorough else ())]) for plugin in default_catalog().plugins
    ]
    columns = ["plugin", "distribution", "version", "status", "provides", "hooks"]
    echo_table(columns, [_row(plugin, len(problems)) for plugin, problems in found])
    for plugin, problems in found:
        for problem in problems:
            click.echo(f"\n{plugin.title} from {plugin.source}, {problem.stage}: {problem.message}")
            if thorough and problem.traceback:
                click.echo(problem.traceback.rstrip())


def _row(plugin: PluginInfo, problems: int) -> list[str | float | None]:
    status = "ok" if not problems else f"{problems} problem{'s' * (problems > 1)}"
    hooks = ", ".join(hook.removeprefix("shapebias_") for hook in plugin.hooks)
    return [plugin.name, plugin.distribution, plugin.version, status, len(plugin.specs), hooks]


def _targets(plugin: PluginInfo) -> Iterator[Problem]:
    """Import what the specs name: a failure there shows only when the thing is used."""
    for spec in plugin.specs:
        try:
            spec.load()
        except PluginError as error:
            yield Problem("target", str(error), "".join(traceback.format_exception(error)))
