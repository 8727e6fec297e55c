"""``shapebias config``: the user's defaults, and where each comes from."""

from __future__ import annotations

import os

import click

from shapebias.cli._output import echo_lines, echo_table, examples
from shapebias.defaults import NAMES, VARIABLE, config_file, user_defaults

__all__ = ["command"]

_ENVIRONMENT = {"data": "SHAPEBIAS_DATA"}


@click.command("config", epilog=examples("shapebias config"))
def command() -> None:
    """Show your defaults, and where each comes from.

    They are lines such as 'device = "cuda:1"' in a TOML file.  Its path is shown; $SHAPEBIAS_CONFIG names another one.
    An option of a command overrides the environment, and the environment overrides the file.
    """
    from shapebias.fetching import data_folder

    own, rows = user_defaults(), []
    built_in = {"device": "auto", "data": str(data_folder()), "workers": "one for each core, at most 8"}
    for name, (_, meaning) in NAMES.items():
        variable = _ENVIRONMENT.get(name, "")
        if os.environ.get(variable):
            rows.append((name, os.environ[variable], f"${variable}", meaning))
        elif name in own:
            rows.append((name, str(own[name]), "your file", meaning))
        else:
            rows.append((name, built_in[name], "default", meaning))
    path = config_file()
    where = f"Your file: {path}{'' if path.exists() else ' (does not exist)'}; ${VARIABLE} names another."
    echo_table(["name", "value", "from", "meaning"], rows, kept=("from",))
    click.echo()
    echo_lines([where])
