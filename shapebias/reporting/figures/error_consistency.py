"""Error consistency: which models fail on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from shapebias.errors import FigureError
from shapebias.reporting.export import UNDEFINED
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.mpl_style import COLUMN, new_figure, short, style
from shapebias.reporting.palette import INK, PAPER
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["ErrorConsistencyFigure", "readable_ink"]


@attrs.frozen
class ErrorConsistencyFigure:
    """A matrix of models: the metric ``error-consistency``, 1 if two models fail on the same images, 0 at chance.

    Geirhos, Meding & Wichmann 2020, "Beyond accuracy", figure 2.
    """

    dataset: str | None = param("the data set; none shows the first", default=None)
    condition: str | None = param("the condition; none shows clean, or else the first", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        table = results.metric("error-consistency")
        table = table[table["eps"].isna()]
        if table.empty:
            raise FigureError("error-consistency: no two models have answered the same images under one condition")
        table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        table = table[table["condition"] == choose("condition", self.condition, table["condition"], first="clean")]
        with style(**{"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
            return _draw(table, results.models)


def _draw(table: pd.DataFrame, order: list[str]) -> Figure:
    there = {*table["model"], *table["other"]}
    models = [model for model in order if model in there]
    kappa = np.full((len(models), len(models)), np.nan)
    asked = np.zeros_like(kappa, dtype=bool)
    for model, other, value in zip(table["model"], table["other"], table["value"], strict=True):
        first, second = sorted([models.index(model), models.index(other)])
        kappa[second, first], asked[second, first] = value, True
    figure = new_figure(min(COLUMN, 0.9 + 0.3 * len(models)))
    axes = figure.add_subplot()
    image = axes.pcolormesh(kappa[1:, :-1], vmin=-1, vmax=1, cmap="PuOr_r", edgecolor=PAPER, linewidth=2)
    axes.invert_yaxis()
    for row_at, column_at in np.argwhere(asked[1:, :-1]):
        value = kappa[row_at + 1, column_at]
        text, ink = (f"{value:.2f}", readable_ink(image.to_rgba(value))) if np.isfinite(value) else (UNDEFINED, INK)
        axes.text(column_at + 0.5, row_at + 0.5, text, ha="center", va="center", color=ink)
    middles = np.arange(len(models) - 1) + 0.5
    axes.set_xticks(middles, [short(model, 18) for model in models[:-1]], rotation=30, ha="right")
    axes.set_yticks(middles, [short(model, 18) for model in models[1:]])
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="Cohen's kappa", shrink=0.9).outline.set_visible(False)
    return figure


def readable_ink(background: Any) -> str:
    """Choose dark or light text for a cell, whose colour is the same in the light and in the dark theme of the page.

    The dark text is not black: SVG omits black as its default, and the page would then use its own text colour.
    """
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in background[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # WCAG 2.2; 0.179 is as far from white as from black
    return "#fefefe" if luminance < 0.179 else "#111111"
