"""Messages of a download: a line with size and licence, and a progress bar on a terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shapebias.fetching.sources import Source

if TYPE_CHECKING:
    from shapebias.fetching.downloading import Meter

__all__ = ["announce", "download_progress"]


def announce(text: str) -> None:
    """Write one line to stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a download is announced, also to callers from Python


@contextlib.contextmanager
def download_progress(source: Source, total: int | None) -> Iterator[Meter | None]:
    """Draw a progress bar of bytes on stderr during the context; yield its meter, or None without a terminal."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=20),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(compact=True),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(source.name, total=total)
        lock = threading.Lock()

        def tell(arrived: int, total: int | None) -> None:
            with lock:
                if bar.tasks[0].total is None and total is not None:
                    bar.update(task, total=total)
                bar.advance(task, arrived)

        yield tell
