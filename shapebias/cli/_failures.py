"""What ``run`` and ``results`` say about cells that failed."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shapebias.store import Failure

__all__ = ["echo_failures", "reason"]


def echo_failures(failures: Iterable[Failure]) -> None:
    """Write to stderr which cells failed, those of one reason together, and the reason below them."""
    by_reason: dict[str, list[str]] = {}
    for failure in failures:
        by_reason.setdefault(reason(failure.error), []).append(failure.record.title)
    for why, titles in by_reason.items():
        click.echo("\n".join(f"Failed: {title}" for title in titles), err=True)
        click.echo(textwrap.indent(why, "  "), err=True)


def reason(error: str) -> str:
    """Pick out of a traceback what the exception says: the lines after its last frame and the code shown there."""
    lines = error.strip().splitlines()
    last_frame = max((place for place, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    message = list(itertools.dropwhile(lambda line: line.startswith(" "), lines[last_frame + 1 :])) or lines[-1:]
    return re.sub(r"^[\w.]+\.(?=\w+:)", "", "\n".join(message))
