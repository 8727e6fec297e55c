"""Accuracy under every condition: one row per condition, one marker per model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.figures._rows import line_height, panel
from shapebias.reporting.mpl_style import legend, new_figure, short, style
from shapebias.reporting.pictures import block_title
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults
    from shapebias.reporting.palette import ModelStyle

__all__ = ["AccuracyFigure"]


@attrs.frozen
class AccuracyFigure:
    """The metric ``accuracy``, top-1, with its 95 % intervals: one panel per data set, one row per condition."""

    dataset: str | None = param("the data set; none shows every one", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        table = results.metric("accuracy:top=1")
        if table.empty:
            raise FigureError("accuracy: no image has a label; use a data set with labels")
        if self.dataset is not None:
            table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        eps = table["eps"].astype(object).where(table["eps"].notna(), None)
        table = table.assign(row=[block_title(*block) for block in zip(table["condition"], eps, strict=True)])
        with style():
            return _draw(table, results.model_styles)


def _draw(table: pd.DataFrame, model_styles: dict[str, ModelStyle]) -> Figure:
    shown = {model: drawn for model, drawn in model_styles.items() if model in set(table["model"])}
    of_dataset = {str(name): rows for name, rows in table.groupby("dataset", sort=False)}
    counts = [rows["row"].nunique() for rows in of_dataset.values()]
    height = sum(0.3 + line_height(len(shown)) * count for count in counts)
    figure = new_figure(0.6 + 0.13 * ((len(shown) + 1) // 2) + height)
    panels = figure.subplots(len(of_dataset), squeeze=False, sharex=True, height_ratios=counts)
    for axes, (dataset, rows) in zip(panels.flat, of_dataset.items(), strict=True):
        panel(axes, rows, shown)
        if len(of_dataset) > 1:
            axes.set_title(short(dataset, 44))
    panels.flat[-1].set_xlabel("accuracy")
    legend(panels.flat[0], shown, shown, lines=False)
    return figure
