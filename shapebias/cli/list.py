"""``shapebias list``: everything that the plugins provide."""

from __future__ import annotations

import click

from shapebias.cli._output import KIND, echo_table, examples, working_catalog
from shapebias.specs import KINDS, Kind

__all__ = ["command"]


@click.command(
    "list",
    epilog=examples("shapebias list", "shapebias list transforms"),
)
@click.argument("kind", metavar="[KIND]", type=KIND, required=False)
def command(kind: Kind | None) -> None:
    """List what there is, of every kind or of one KIND.

    The kinds are model, dataset, transform, attack, saliency, probe and metric.
    """
    catalog = working_catalog()
    entries = sorted(catalog, key=lambda entry: (entry.spec.name, entry.plugin.provider))
    rows = [
        (each, entry.spec.name, entry.spec.summary, entry.plugin.provider)
        for each in ([kind] if kind else KINDS)
        for entry in entries
        if entry.spec.kind == each
    ]
    echo_table(["kind", "name", "summary", "provider"], rows)
