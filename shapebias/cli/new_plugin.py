"""``shapebias new-plugin``: write a new plugin package."""

from __future__ import annotations

from pathlib import Path

import click

from shapebias.cli._options import PathType
from shapebias.cli._output import KIND, examples
from shapebias.plugins.specs import Kind

__all__ = ["command"]


@click.command(
    "new-plugin",
    epilog=examples(
        "shapebias new-plugin sepia --kind transform",
        "shapebias new-plugin my-network --kind model -o packages",
    ),
)
@click.argument("name")
@click.option("-k", "--kind", metavar="KIND", type=KIND, required=True, help="What it provides.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=PathType(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the package's folder; the default is the current folder.",
)
def command(name: str, kind: Kind, output: Path) -> None:
    """Write a new plugin package, NAME, with a working test.

    The package can be installed at once and passes the plugin checks.  NAME is what users will write; a leading
    'shapebias-' is removed, because the package's name begins with it anyway.  KIND is model, dataset, transform,
    attack, saliency, probe, metric or suite.
    """
    from shapebias.scaffold import new_plugin

    package = new_plugin(name, kind, output)
    module = package.name.removeprefix("shapebias-").replace("-", "_")
    click.echo(f"{package} is written; what it does is in {package / f'shapebias_{module}' / f'{module}.py'}. Next:")
    click.echo(f"  pip install -e '{package}[test]'")
    click.echo(f"  shapebias plugins check {package.name}")
