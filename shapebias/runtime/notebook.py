"""Output in notebooks: figures as images, and a progress bar."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shapebias.runtime.progress import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_class", "progress_line", "reporter"]


@functools.cache
def figure_class() -> type[Figure]:
    """Return matplotlib's ``Figure`` with the method by which a notebook displays it without pyplot."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        """A figure of matplotlib that is displayed as an image if it is the result of a notebook's cell."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=144, bbox_inches="tight")
            return buffer.getvalue()

    return ShownFigure


def reporter(progress: bool | Callable[[Progress], None] | None) -> Callable[[Progress], None] | None:  # noqa: FBT001
    """Return the function that reports the progress of a run, or None.

    Args:
        progress: true shows a bar, in a notebook as HTML and elsewhere as a line on stderr; false and None show
            nothing; a function is returned as it is.
    """
    if progress is True:
        return _NotebookBar() if _is_notebook() else _Line()
    return progress or None


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")


def progress_line(progress: Progress) -> str:
    """Describe the progress of a run in one line."""
    state = "" if progress.status == "running" else f" {progress.status}"
    return f"{progress.done}/{progress.total} images: {progress.cell}{state}"


class _Line:
    """One line on stderr that is overwritten."""

    def __call__(self, progress: Progress) -> None:
        end = "\n" if progress.done == progress.total and progress.status != "running" else ""
        sys.stderr.write(f"\r\x1b[K{progress_line(progress)}{end}" if sys.stderr.isatty() else "")
        if not sys.stderr.isatty() and progress.status != "running":
            sys.stderr.write(f"{progress_line(progress)}\n")


class _NotebookBar:
    """A progress bar in the output of a notebook's cell."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, progress: Progress) -> None:
        from html import escape

        from IPython import display as ipython_display

        display: Any = ipython_display
        shown = display.HTML(
            f'<progress max="{progress.total}" value="{progress.done}"></progress> {escape(progress_line(progress))}'
        )
        if self._handle is None:
            self._handle = display.display(shown, display_id=True)
        else:
            self._handle.update(shown)
