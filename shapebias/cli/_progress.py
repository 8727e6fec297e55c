"""The progress of ``run``, ``train`` and ``make``: a bar on a terminal, or lines in the log of a job."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import attrs
import click

__all__ = ["Lines", "progress_bar"]

_SECONDS = 30  # between two lines


def _cell(state: Any) -> str:
    words = [f"{state.cell}{'' if state.status == 'running' else f' {state.status}'}"]
    if state.cells > 1:
        words.append(f"{state.cells_done}/{state.cells} cells")
    if state.workers != 1 or state.workers_lost:
        words.append(f"{state.workers} workers" + f", {state.workers_lost} lost" * bool(state.workers_lost))
    return ", ".join(words)


def _finished_cell(state: Any) -> object:
    return None if state.status == "running" else (state.cell, state.done)


@contextlib.contextmanager
def progress_bar(
    describe: Callable[[Any], str] = _cell,
    milestone: Callable[[Any], object] = _finished_cell,
    *,
    quiet: bool = False,
) -> Iterator[Callable[[Any], None] | None]:
    """Show progress on stderr while the context lasts; yield the function to report progress to, None if quiet.

    On a terminal this is a bar, elsewhere a line every 30 seconds and at every milestone.

    Args:
        describe: describes what is being done, beside the ``done`` and ``total`` of the progress.
        milestone: a value that changes when something has been finished, None if nothing has.
        quiet: show nothing.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield None
    elif console.is_terminal:
        with _bar(console, describe) as tell:
            yield tell
    else:
        yield Lines(describe, milestone)


@contextlib.contextmanager
def _bar(console: Any, describe: Callable[[Any], str]) -> Iterator[Callable[[Any], None]]:
    from rich import progress
    from rich.text import Text

    class TwoLines(progress.Progress):
        """The bar with count, rate and time left, and below it what is being done."""

        def get_renderables(self) -> Iterator[Any]:
            yield self.make_tasks_table(self.tasks)
            yield Text(self.tasks[0].description if self.tasks else "", overflow="ellipsis", no_wrap=True)

    columns = (
        progress.BarColumn(bar_width=20),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]} images/s"),
        progress.TimeRemainingColumn(compact=True),
    )
    with TwoLines(*columns, console=console, transient=True) as bar:
        task = bar.add_task("loading", total=None, rate="-")

        def tell(state: Any) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:.3g}" if speed else "-"
            bar.update(task, completed=state.done, total=state.total, description=describe(state), rate=rate)

        yield tell


@attrs.define
class Lines:
    """Progress as lines on stderr, for a log file.

    Args:
        describe, milestone: see :func:`progress_bar`.
        clock: returns seconds.
    """

    describe: Callable[[Any], str]
    milestone: Callable[[Any], object]
    clock: Callable[[], float] = time.monotonic
    _first: tuple[float, int] | None = attrs.field(default=None, init=False)
    _last: float = attrs.field(default=0.0, init=False)
    _reached: object = attrs.field(default=None, init=False)

    def __call__(self, state: Any) -> None:
        """Write a line if something has been finished, or the last line is 30 seconds old."""
        now, reached = self.clock(), self.milestone(state)
        if self._first is None:
            self._first, self._last = (now, state.done), now
        finished = reached not in (None, self._reached)
        if finished or now - self._last >= _SECONDS:
            self._last, self._reached = now, self._reached if reached is None else reached
            click.echo(f"{state.done}/{state.total} images{self._speed(state, now)}: {self.describe(state)}", err=True)

    def _speed(self, state: Any, now: float) -> str:
        """Return images per second and the time left, if they can be estimated."""
        began, before = self._first or (now, state.done)
        if now <= began or state.done <= before:
            return ""
        rate = (state.done - before) / (now - began)
        left = timedelta(seconds=round((state.total - state.done) / rate))
        return f", {rate:.3g} images/s, {left} left"
