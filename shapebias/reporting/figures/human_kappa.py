"""Cohen's kappa of each model with people, in each set of stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from shapebias.errors import FigureError
from shapebias.reporting.export import UNDEFINED
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.figures.error_consistency import readable_ink
from shapebias.reporting.mpl_style import COLUMN, PAGE, new_figure, short, style
from shapebias.reporting.palette import INK, PAPER
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["HumanKappaFigure"]

_ROWS_OF_BAR = 5  # with fewer rows the bar is too short for its label
_WIDE = 7  # columns of numbers that fit a paper's column


@attrs.frozen
class HumanKappaFigure:
    """A matrix of kappa with people: rows are models, the last row compares people with each other; columns are sets.

    Each number is that of the metric ``human-consistency``: the mean over the conditions that count, and over the
    people of the set.  The pairs of one set under one condition are in the figure ``error-consistency``.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", figure 4.
    """

    dataset: str | None = param("the set; none shows every one with answers of people", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        table = results.metric("human-consistency")
        table = table[(table["measure"] == "error-consistency") & (table["averaging"] != "condition")]
        if table.empty:
            raise FigureError("human-kappa: the results have no answers of people to images that models have answered")
        if self.dataset is not None:
            table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        matrix = table.pivot_table(index="model", columns="dataset", values="value", sort=False, dropna=False)
        models = [model for model in results.models if model in matrix.index]
        matrix = matrix.loc[[*models, *(model for model in matrix.index if model not in models)]]
        with style(**{"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
            return _draw(matrix)


def _draw(matrix: pd.DataFrame) -> Figure:
    kappa = matrix.to_numpy(dtype=float)
    rows, columns = kappa.shape
    figure = new_figure(0.9 + 0.22 * rows, width=COLUMN if columns <= _WIDE else PAGE)
    axes = figure.add_subplot()
    image = axes.pcolormesh(kappa, vmin=-1, vmax=1, cmap="PuOr_r", edgecolor=PAPER, linewidth=2)
    axes.invert_yaxis()
    for row, column in np.ndindex(rows, columns):
        value = kappa[row, column]
        known = np.isfinite(value)
        text, ink = (f"{value:z.2f}", readable_ink(image.to_rgba(value))) if known else (UNDEFINED, INK)
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink, fontsize=6)
    names = [short(str(name).rpartition(":")[2], 18) for name in matrix.columns]
    axes.set_xticks(np.arange(columns) + 0.5, names, rotation=30, ha="right")
    axes.set_yticks(np.arange(rows) + 0.5, [short(str(name), 18) for name in matrix.index])
    axes.tick_params(length=0)
    if rows >= _ROWS_OF_BAR:
        figure.colorbar(image, ax=axes, label="Cohen's kappa", shrink=0.9).outline.set_visible(False)
    else:
        axes.set_title("Cohen's kappa")
    return figure
