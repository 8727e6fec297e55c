"""Accuracy under every condition: one row a condition, one marker a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from shapebias.errors import FigureError
from shapebias.params import param
from shapebias.reporting.canvas import legend, new_figure, short, style
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.palette import MUTED, looks
from shapebias.reporting.pictures import block_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shapebias.reporting.joined import Joined
    from shapebias.reporting.palette import Look

__all__ = ["AccuracyFigure"]


@attrs.frozen
class AccuracyFigure:
    """The metric ``accuracy``, top-1, with its 95 % intervals: one panel a data set, one row a condition."""

    dataset: str | None = param("the data set; every one", default=None)

    def __call__(self, results: Joined) -> Figure:
        """Draw it."""
        table = results.metric("accuracy:top=1")
        if table.empty:
            raise FigureError("accuracy: no image has a label; name a data set that knows what its images show")
        if self.dataset is not None:
            table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        eps = table["eps"].astype(object).where(table["eps"].notna(), None)
        table = table.assign(row=[block_title(*block) for block in zip(table["condition"], eps, strict=True)])
        with style():
            return _draw(table, results.models)


def _draw(table: pd.DataFrame, order: list[str]) -> Figure:
    look = looks(order)
    models = [model for model in order if model in set(table["model"])]
    datasets = list(dict.fromkeys(table["dataset"]))
    rows = {dataset: list(dict.fromkeys(table["row"][table["dataset"] == dataset])) for dataset in datasets}
    counts = [len(rows[dataset]) for dataset in datasets]
    line = 0.11 + 0.07 * len(models)
    figure = new_figure(0.6 + 0.13 * ((len(models) + 1) // 2) + sum(0.3 + line * count for count in counts))
    panels = figure.subplots(len(datasets), squeeze=False, sharex=True, height_ratios=counts)
    for axes, dataset in zip(panels.flat, datasets, strict=True):
        _panel(axes, table[table["dataset"] == dataset], rows[dataset], {model: look[model] for model in models})
        if len(datasets) > 1:
            axes.set_title(short(dataset, 44))
    panels.flat[-1].set_xlabel("accuracy")
    legend(panels.flat[0], models, look, lines=False)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, rows: list[str], look: dict[str, Look]) -> None:
    places = {row: place for place, row in enumerate(rows)}
    for place in range(0, len(rows), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=MUTED, alpha=0.08, linewidth=0)
    offsets = np.linspace(-0.25, 0.25, len(look)) if len(look) > 1 else np.zeros(1)
    for (model, drawn), offset in zip(look.items(), offsets, strict=True):
        mine = table[table["model"] == model]
        heights = np.array([places[row] for row in mine["row"]]) + offset
        axes.hlines(heights, mine["low"], mine["high"], color=drawn.colour, linewidth=1)
        axes.plot(mine["value"], heights, drawn.marker, color=drawn.colour, markersize=3.2, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
    axes.set_yticklabels([short(row, 26) for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
