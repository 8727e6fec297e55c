"""``shapebias references``: published values to compare with."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

import click

from shapebias.cli._output import echo_table, examples
from shapebias.errors import SpellingError, suggestion
from shapebias.published.references import Reference, references

__all__ = ["command", "echo_references"]


@click.command(
    "references",
    epilog=examples(
        "shapebias references",
        "shapebias references shape-bias",
        "shapebias references shape-bias --model 'robust_resnet50*'",
    ),
)
@click.argument("measure", required=False)
@click.option(
    "--model", "pattern", metavar="PATTERN", default="*", help="Only models whose names match, such as 'resnet*'."
)
def command(measure: str | None, pattern: str) -> None:
    """List published values, each with its source.

    MEASURE is the name of a metric, such as shape-bias; its parts follow a colon, such as shape-bias:cat.
    """
    echo_references(measure, pattern)


def echo_references(measure: str | None = None, pattern: str = "*") -> None:
    """Write the published values of a measure and its parts, largest first.

    Raises:
        SpellingError: no value is published for this measure or for such a model.
    """
    known = dict.fromkeys(one.measure for one in references())
    chosen = [name for name in known if measure in (None, name, name.partition(":")[0])]
    if not chosen:
        measures = dict.fromkeys(name.partition(":")[0] for name in known)
        raise SpellingError(
            f"no published values of {measure!r}{suggestion(str(measure), known)}; there are values of "
            f"{', '.join(measures)}"
        )
    rows = [one for name in chosen for one in references(name) if fnmatchcase(one.model, pattern)]
    if not rows:
        raise SpellingError(f"no published values of a model {pattern!r}; without --model all are listed")
    rows.sort(key=lambda one: (chosen.index(one.measure), math.isnan(one.value), -one.value))
    sources = list(dict.fromkeys(map(_source, rows)))
    shown = [
        [one.measure, one.model, one.value, _interval(one), one.n, one.dataset, f"[{1 + sources.index(_source(one))}]"]
        for one in rows
    ]
    caption = [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    echo_table(["measure", "model", "value", "interval", "n", "dataset", "source"], shown, caption=caption)


def _source(one: Reference) -> str:
    return f"{one.paper}, {one.where}" if one.where else one.paper


def _interval(one: Reference) -> str:
    return "" if math.isnan(one.low) else f"[{one.low:.4g}, {one.high:.4g}]"
