"""Accuracy as a number of a condition grows: saturation, patch-shuffle, eps, and any other that a study varied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.mpl_style import legend, new_figure, style
from shapebias.reporting.palette import ModelStyle
from shapebias.reporting.sweeps import Point, Series, find_sweeps
from shapebias.spelling.grammar import spell_scalar
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shapebias.reporting.combined import CombinedResults

__all__ = ["CurvesFigure"]

_ROOM = 0.07  # of the axis, between labels
_CLEAN = Point(math.nan, "clean")


@attrs.frozen
class CurvesFigure:
    """One panel for each number that the study varied, one curve per model, with the band of its 95 % intervals.

    The horizontal axis is the number, or its logarithm if its values span a wide range; the clean images are at the
    value that changes nothing, or left of the others if there is none.  Accuracy under a list of eps is the metric
    ``robust-accuracy``, which never rises with eps; otherwise it is ``accuracy``.
    """

    of: str | None = param("the step whose number is varied, such as saturate; none shows every one", default=None)
    dataset: str | None = param("the data set; none shows the first with a curve", default=None)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        series = find_sweeps(results.answers())
        if not series:
            raise FigureError("curves: no number was varied; run two conditions such as saturate:p=8 and saturate:p=64")
        dataset = choose("dataset", self.dataset, (each.dataset for each in series))
        series = [each for each in series if each.dataset == dataset]
        if self.of is not None:
            step = choose("of", self.of, (each.step for each in series))
            series = [each for each in series if each.step == step]
        tables = results.metric("accuracy:top=1"), results.metric("robust-accuracy")
        accuracy, robust = (table[table["dataset"] == dataset] for table in tables)
        with style():
            return _draw(series, accuracy, robust, results.model_styles)


def _draw(
    series: list[Series], accuracy: pd.DataFrame, robust: pd.DataFrame, model_styles: dict[str, ModelStyle]
) -> Figure:
    shown = {model: drawn for model, drawn in model_styles.items() if model in set(accuracy["model"])}
    figure = new_figure(0.3 + 0.13 * ((len(shown) + 1) // 2) + 1.65 * len(series))
    panels: list[Axes] = list(figure.subplots(len(series), squeeze=False).flat)
    for axes, each in zip(panels, series, strict=True):
        positions = [each.axis_position(None), *(each.axis_position(point.value) for point in each.points)]
        for model, drawn in shown.items():
            mine, attacked = (table[table["model"] == model] for table in (accuracy, robust))
            rows = [_row(mine, _CLEAN), *(_row(attacked if each.axis else mine, point) for point in each.points)]
            known = {position: row for position, row in zip(positions, rows, strict=True) if row is not None}
            _curve(axes, {position: known[position] for position in sorted(known)}, drawn)
        labels = {
            position: spell_scalar(point.value) for position, point in zip(positions[1:], each.points, strict=True)
        }
        axes.set_xticks(*_apart(labels | {positions[0]: "clean"}))
        logarithm = ", logarithmic" * each.is_logarithmic
        axes.set(
            ylim=(-0.02, 1.02), ylabel="robust accuracy" if each.axis else "accuracy", xlabel=each.title + logarithm
        )
    legend(panels[0], shown, shown)
    return figure


def _apart(labels: dict[float, str]) -> tuple[list[float], list[str]]:
    """Leave out labels that would overlap; the label of the clean images, which comes last, stays."""
    room = _ROOM * (max(labels) - min(labels))
    kept: dict[float, str] = {}
    for position, label in reversed(labels.items()):
        if all(abs(position - other) >= room for other in kept):
            kept[position] = label
    return sorted(kept), [kept[position] for position in sorted(kept)]


def _row(rows: pd.DataFrame, point: Point) -> Any:
    """Find one condition's value with its interval; None if the model has no such cell."""
    eps = rows["eps"].isna() if point.eps is None else rows["eps"] == point.eps
    found = rows[(rows["condition"] == point.condition) & eps]
    return None if found.empty else found.iloc[0]


def _curve(axes: Axes, rows: dict[float, Any], drawn: ModelStyle) -> None:
    if not rows:  # an empty, unclipped line would be drawn in the figure's corner and spoil the layout
        return
    positions = [*rows]
    value, low, high = ([row[name] for row in rows.values()] for name in ("value", "low", "high"))
    axes.plot(positions, value, color=drawn.colour, marker=drawn.marker, linestyle=drawn.line, clip_on=False)
    axes.fill_between(positions, low, high, color=drawn.colour, alpha=0.18, linewidth=0)
