"""``shapebias list``: the components that the plugins provide."""

from __future__ import annotations

from typing import Literal

import click

from shapebias.cli._output import KindChoice, echo_table, examples, working_catalog
from shapebias.cli.references import echo_references
from shapebias.plugins.specs import KINDS, Kind, Spec

__all__ = ["command"]

_REFERENCE = "reference"


@click.command(
    "list",
    epilog=examples("shapebias list", "shapebias list transforms", "shapebias list references"),
)
@click.argument("kind", metavar="[KIND]", type=KindChoice((*KINDS, _REFERENCE)), required=False)
def command(kind: Kind | Literal["reference"] | None) -> None:
    """List all components, or those of one KIND.

    The kinds are model, dataset, transform, attack, saliency, probe, metric, suite and executor;
    references are published values.
    """
    if kind == "reference":
        echo_references()
        return
    catalog = working_catalog()
    entries = sorted(catalog, key=lambda entry: (entry.spec.name, entry.plugin.provider))
    rows = [
        (each, entry.spec.name, _summary(entry.spec), entry.plugin.provider)
        for each in ([kind] if kind else KINDS)
        for entry in entries
        if entry.spec.kind == each
    ]
    first = 1 if kind else 0  # a column with the requested kind would repeat it
    echo_table(["kind", "name", "summary", "provider"][first:], [row[first:] for row in rows])


def _summary(spec: Spec) -> str:
    """Return what a component is, and the licence of published weights."""
    return f"{spec.summary} (licence: {spec.licence})" if spec.licence else spec.summary
