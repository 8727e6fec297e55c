"""Cohen's kappa with people: of each model in each set of stimuli, or of all pairs in one set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import pandas as pd

from shapebias.errors import FigureError
from shapebias.metrics.human_consistency import PEOPLE, counted_conditions, outcomes_by_condition, pairwise_kappa
from shapebias.reporting.export import UNDEFINED
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.figures.error_consistency import readable_ink
from shapebias.reporting.figures.human_accuracy import sets_of
from shapebias.reporting.mpl_style import COLUMN, PAGE, new_figure, short, style
from shapebias.reporting.palette import INK, PAPER
from shapebias.spelling.params import param

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["HumanKappaFigure"]

_ROWS_OF_BAR = 5  # with fewer the bar is too short for its label
_WIDE = 7  # columns of numbers that fit into a column of a paper


@attrs.frozen
class HumanKappaFigure:
    """A matrix of kappa with people: rows are models, columns the sets of model-vs-human, or the people of one set.

    Without ``dataset`` each number is the mean over the conditions that count and over the people of the set, as in the
    metric ``human-consistency``; the last row is people among themselves.  With it each number is of one pair, the mean
    over conditions.  ``subject-01`` of one set is another person than that of another set.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", figure 4.
    """

    dataset: str | None = param("one set, with each of its people; none shows all sets", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        found = {}
        for name, (cells, _) in sets_of(results).items():
            kappa = pairwise_kappa(outcomes_by_condition(cells), counted_conditions(name))
            if people := [model for model in kappa if model in results.people]:
                found[name] = kappa[people]
        if not found:
            raise FigureError("human-kappa: the results have no answers of people to a set of model-vs-human")
        if self.dataset is None:
            matrix = pd.DataFrame({name: _with_people(kappa) for name, kappa in found.items()})
            order = [model for model in [*results.models, PEOPLE] if model in matrix.index]
            matrix = matrix.loc[order]
        else:
            matrix = found[choose("dataset", self.dataset, found)]
        with style(**{"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
            return _draw(matrix)


def _with_people(kappa: pd.DataFrame) -> pd.Series[float]:
    """Average the kappa of each model over people, (models x people), and that of all pairs of people."""
    people = [*kappa.columns]
    values = kappa.drop(index=people).mean(axis=1)
    among = kappa.loc[people].to_numpy()[np.triu_indices(len(people), 1)]
    values[PEOPLE] = among.mean() if len(among) else np.nan
    return values


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
        text, ink = (f"{value:.2f}", readable_ink(image.to_rgba(value))) if known else (UNDEFINED, INK)
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
