"""``shapebias plugins``: the plugins, their problems, and a check of a plugin against its contract."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator

import click

from shapebias.cli._output import echo_lines, echo_table, examples
from shapebias.errors import PluginError
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.discovery import PluginInfo, Problem

__all__ = ["command"]


@click.group(
    "plugins",
    invoke_without_command=True,
    subcommand_metavar="[check PLUGIN]",
    epilog=examples(
        "shapebias plugins",
        "shapebias plugins --traceback",
        "shapebias --plugins-dir my_plugins plugins",
        "shapebias plugins check --help",
    ),
)
@click.option(
    "--traceback",
    "thorough",
    is_flag=True,
    help="Also import every component, which takes longer, and show the traceback of each problem.",
)
@click.pass_context
def command(context: click.Context, thorough: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """List the plugins that were found, and their problems.

    Other commands warn about a problem on stderr; with SHAPEBIAS_STRICT=1 in the environment it makes them fail.
    """
    if context.invoked_subcommand is None:
        _list(thorough=thorough)


def _list(*, thorough: bool) -> None:
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
    """Import the components of the specs, whose failures otherwise show only when they are used."""
    for spec in plugin.specs:
        try:
            spec.load()
        except PluginError as error:
            yield Problem("target", str(error), "".join(traceback.format_exception(error)))


@command.command(
    epilog=examples(
        "shapebias plugins check my-plugin",
        "shapebias plugins check my-plugin --example posterize:levels=2",
        "shapebias plugins check my_plugins/posterize.py",
    ),
)
@click.argument("plugin")
@click.option(
    "-e",
    "--example",
    "tried",
    metavar="TEXT",
    multiple=True,
    help="What to try, such as posterize:levels=2; may be repeated. A name without an example is tried with its "
    "defaults, if it has any.",
)
@click.option(
    "--without",
    metavar="NAME",
    multiple=True,
    help="What not to try, for example because it would download weights; may be repeated.",
)
@click.option("--device", default="cpu", show_default=True, help="Where to try it: cpu, cuda, cuda:1.")
@click.option("--all", "everything", is_flag=True, help="List every check, not only those that failed.")
def check(plugin: str, tried: tuple[str, ...], without: tuple[str, ...], device: str, everything: bool) -> None:  # noqa: FBT001
    """Check whether a plugin keeps to the contract.

    PLUGIN is the name of a distribution or of an entry point, or the path of a one-file plugin.  The exit status is 1
    if a check fails.  A plugin's own tests can run the same checks with shapebias.testing.conformance.
    """
    from shapebias.testing import checks, outcomes, untried

    counts: dict[str, int] = {}
    for outcome in outcomes(checks(plugin, tried, without=without, device=device)):
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
        if outcome.status == "failed":
            click.echo(f"FAILED {outcome.message}\n")
        elif everything:
            reason = f": {outcome.message}" if outcome.message else ""
            click.echo(f"{outcome.status} {outcome.check.name}{reason}")
    echo_lines(untried(plugin, tried, without=without))
    click.echo(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    if "failed" in counts:
        sys.exit(1)
