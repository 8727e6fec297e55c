"""Accuracy as a distortion grows, with the range of people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from shapebias.errors import FigureError
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.human_charts import accuracies_by_strength
from shapebias.reporting.mpl_style import COLUMN, PAGE, legend, new_figure, style
from shapebias.reporting.palette import PEOPLE, ModelStyle
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["HumanAccuracyFigure"]

_HEIGHT = 1.5  # inches, of one panel
_TICKS, _LETTERS = 9, 28  # more labels, or longer ones side by side, would touch each other


@attrs.frozen
class HumanAccuracyFigure:
    """Accuracy over the strength of a distortion: one panel for each set of model-vs-human, one curve per model.

    Bands of models are 95 % intervals by the bootstrap, as in the metric ``human-consistency``.  The red line is the
    mean of the people who saw the same images; the red band goes from the lowest of them to the highest.  Conditions
    that the averages leave out are drawn too.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", figure 3.
    """

    dataset: str | None = param("the set; none shows every one with several conditions", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        found = accuracies_by_strength(results)
        if not found:
            raise FigureError(
                "human-accuracy: the results have no set under several conditions whose images people have seen"
            )
        if self.dataset is not None:
            name = choose("dataset", self.dataset, found)
            found = {name: found[name]}
        with style():
            return _draw(found, results.model_styles, results.people)


def _draw(found: dict[str, pd.DataFrame], model_styles: dict[str, ModelStyle], people: set[str]) -> Figure:
    from matplotlib.lines import Line2D

    columns = 1 if len(found) == 1 else 3
    lines = math.ceil(len(found) / columns)
    networks = {model: drawn for model, drawn in model_styles.items() if model not in people}
    figure = new_figure(0.4 + 0.13 * (len(networks) // 2) + _HEIGHT * lines, width=COLUMN if columns == 1 else PAGE)
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    for axes, (name, table) in zip(panels, found.items(), strict=False):
        _panel(axes, table, networks, people)
        axes.set(title=name.rpartition(":")[2], ylim=(-0.02, 1.02), ylabel="accuracy")
    red = Line2D([], [], color=PEOPLE, label="people: mean and range")
    legend(panels[0], networks, networks, columns=2 if columns == 1 else 4, others=[red] if people else [])
    return figure


def _panel(axes: Axes, table: pd.DataFrame, networks: dict[str, ModelStyle], people: set[str]) -> None:
    conditions = list(dict.fromkeys(table["condition"]))
    position = {condition: at for at, condition in enumerate(conditions)}
    persons = table[table["model"].isin(people)].groupby("condition", sort=False)["value"].agg(["mean", "min", "max"])
    if len(persons):
        at = [position[str(condition)] for condition in persons.index]
        axes.fill_between(at, persons["min"], persons["max"], color=PEOPLE, alpha=0.2, linewidth=0)
        axes.plot(at, persons["mean"], color=PEOPLE)
    for model, drawn in networks.items():
        mine = table[table["model"] == model]
        if len(mine):
            at = [position[condition] for condition in mine["condition"]]
            axes.fill_between(at, mine["low"], mine["high"], color=drawn.colour, alpha=0.18, linewidth=0)
            axes.plot(at, mine["value"], color=drawn.colour, marker=drawn.marker, linestyle=drawn.line, clip_on=False)
    shown = np.unique(np.linspace(0, len(conditions) - 1, min(_TICKS, len(conditions))).round().astype(int))
    names = [conditions[one] for one in shown]
    turned = sum(map(len, names)) > _LETTERS
    axes.set_xticks(shown, names, fontsize=6, rotation=30 if turned else 0, ha="right" if turned else "center")
