"""The progress bar of ``run`` and ``train``: images done, images a second, time left, and what is under way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    describe: Callable[[Any], str] = attrgetter("cell"), *, quiet: bool = False
) -> Iterator[Callable[[Any], None] | None]:
    """Draw a bar on stderr while the context lasts; yield what to tell the progress, None where nobody looks.

    Args:
        describe: says in words what is under way, beside the ``done`` and ``total`` of the progress.
        quiet: draw none.  None is drawn either where stderr is not a terminal.
    """
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]} images/s"),
        progress.TimeRemainingColumn(compact=True),
        progress.TextColumn("{task.description}", markup=False),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("loading", total=None, rate="-")

        def tell(state: Any) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.3g}" if speed else "-"
            bar.update(task, completed=state.done, total=state.total, description=describe(state), rate=rate)

        yield tell
