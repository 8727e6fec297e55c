"""Rows of markers with intervals: one marker per model in each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shapebias.reporting.mpl_style import short
from shapebias.reporting.palette import MUTED, ModelStyle

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["line_height", "markers", "panel"]


def line_height(models: int) -> float:
    """Return the height of a row in inches; more than four models are drawn closer together."""
    return 0.11 + 0.07 * min(models, 4)


def panel(axes: Axes, table: pd.DataFrame, model_styles: dict[str, ModelStyle]) -> None:
    """Draw shares between 0 and 1, every other row shaded; the column ``row`` names the row of each line."""
    names = list(dict.fromkeys(table["row"]))
    for position in range(0, len(names), 2):
        axes.axhspan(position - 0.5, position + 0.5, color=MUTED, alpha=0.08, linewidth=0)
    markers(axes, table, names, model_styles)
    axes.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    axes.set_yticks(range(len(names)), [short(name, 30) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def markers(
    axes: Axes, table: pd.DataFrame, names: list[str], model_styles: dict[str, ModelStyle], *, alpha: float = 1
) -> None:
    """Draw one marker and interval for each row and model; models are drawn one above the other.

    Args:
        axes: where to draw.
        table: ``row``, ``model``, ``value``, ``low``, ``high``.
        names: the rows, from top to bottom.
        model_styles: the style of each model.
        alpha: the opacity of the intervals.
    """
    positions = {name: position for position, name in enumerate(names)}
    heights: dict[tuple[str, str], float] = {}
    for name in names:
        there = [model for model in model_styles if model in set(table["model"][table["row"] == name])]
        offsets = np.linspace(-0.25, 0.25, len(there)) if len(there) > 1 else np.zeros(1)
        heights |= {(name, model): positions[name] + offset for model, offset in zip(there, offsets, strict=False)}
    for model, drawn in model_styles.items():
        mine = table[table["model"] == model]
        if mine.empty:  # an empty, unclipped line would be drawn in the figure's corner and spoil the layout
            continue
        at = [heights[name, model] for name in mine["row"]]
        axes.hlines(at, mine["low"], mine["high"], color=drawn.colour, alpha=alpha, linewidth=1)
        axes.plot(mine["value"], at, drawn.marker, color=drawn.colour, markersize=3.4, clip_on=False, zorder=3)
