"""The messages of ``run`` and ``results`` about failed cells."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from shapebias.errors import reason

if TYPE_CHECKING:
    from shapebias.store import Failure

__all__ = ["echo_failures"]


def echo_failures(failures: Iterable[Failure]) -> None:
    """Write to stderr which cells failed, grouped by reason, with the reason below each group."""
    by_reason: dict[str, list[str]] = {}
    for failure in failures:
        by_reason.setdefault(reason(failure.error), []).append(failure.record.title)
    for why, titles in by_reason.items():
        click.echo("\n".join(f"Failed: {title}" for title in titles), err=True)
        click.echo(textwrap.indent(why, "  "), err=True)
