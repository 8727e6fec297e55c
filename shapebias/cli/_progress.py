"""The progress bar of ``shapebias run``: images times cells, images a second, time left, and the current cell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapebias.engine import Progress

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Callable[[Progress], None] | None]:
    """Draw a bar on stderr while the context lasts; yield what to tell the progress, None where nobody looks.

    Args:
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

        def tell(state: Progress) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.3g}" if speed else "-"
            bar.update(task, completed=state.done, total=state.total, description=state.cell, rate=rate)

        yield tell
