"""Draw one figure by its name, and optionally write it to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.figures import find
from shapebias.reporting.mpl_style import check_path, save
from shapebias.store import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure"]


def figure(results: Results | Sequence[Results], name: str, path: str | Path | None = None) -> Figure:
    """Draw one figure, sized for a paper's column.

    Args:
        results: the results of one study, or of several, whose models are shown side by side.
        name: the figure and its settings, such as ``"shape-bias"`` or ``"saliency:images=4"``.
        path: a file to write it to, ``.pdf``, ``.png`` or ``.svg``; None, the default, writes none.

    Returns:
        A figure of matplotlib.

    Raises:
        FigureError: there is no such figure, the results have nothing to show in it, or it cannot be written.
        SpellingError: a setting is wrong.
    """
    draw = find(name)
    if path is not None:
        check_path(path)  # before the work
    drawn = draw(CombinedResults([results] if isinstance(results, Results) else results))
    if path is not None:
        save(drawn, path)
    return drawn
