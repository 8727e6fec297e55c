"""Shape bias by class: the chart of Geirhos et al. 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.figures._published import mark_published, published_handles, published_values
from shapebias.reporting.figures._rows import markers
from shapebias.reporting.mpl_style import legend, new_figure, short, style
from shapebias.reporting.palette import MUTED, ModelStyle
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from shapebias.published.references import Reference
    from shapebias.reporting.combined import CombinedResults

__all__ = ["ShapeBiasFigure"]

_MEAN = "mean"
_PUBLISHED = "published"
_FEW = 3  # with more models the intervals of their classes overlap


@attrs.frozen
class ShapeBiasFigure:
    """Share of decisions by shape, one row per class, one marker per model; the last row and the lines are the means.

    Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", figure 4.  The mean over the classes is the
    ``macro`` row of the metric ``shape-bias``, with its 95 % interval; up to three models also have
    the intervals of the classes.

    On the published stimuli, grey marks in one more row are published models, and red ones people, unless the results
    have people's answers; these are the values of all images together.
    """

    dataset: str | None = param("the data set; none shows the first with cue conflict", default=None)
    condition: str | None = param("the condition; none shows clean, or else the first", default=None)
    published: bool = param("whether to mark published values", default=True)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        table = results.metric("shape-bias")
        table = table[table["eps"].isna()]
        if table.empty:
            raise FigureError("shape-bias: no image has a shape and another texture; use a data set with cue conflict")
        table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        table = table[table["condition"] == choose("condition", self.condition, table["condition"], first="clean")]
        with style():
            return _draw(table, results.model_styles, self._published(results, table))

    def _published(self, results: CombinedResults, table: pd.DataFrame) -> dict[str, list[Reference]]:
        """Collect the published values by row: those of all images, and people's of each class."""
        if not self.published or {*table["condition"]} != {"clean"}:
            return {}
        dataset = table["dataset"].iloc[0]
        people = not results.people & {*table["model"]}
        classes = [name for name in dict.fromkeys(table["class"]) if name] if people else []
        of_class = {name: published_values(results, f"shape-bias:{name}", dataset) for name in classes}
        return of_class | {_PUBLISHED: published_values(results, "shape-bias", dataset, people=people)}


def _draw(table: pd.DataFrame, model_styles: dict[str, ModelStyle], published: dict[str, list[Reference]]) -> Figure:
    shown = {model: drawn for model, drawn in model_styles.items() if model in set(table["model"])}
    by_class = table[table["averaging"] == "class"].rename(columns={"class": "row"})
    macro = table[table["averaging"] == "macro"].assign(row=_MEAN)
    classes = [*dict.fromkeys(by_class["row"]), _MEAN]
    end = len(classes) - 1.5
    known = [one for values in published.values() for one in values]
    classes += [_PUBLISHED] * bool(published.get(_PUBLISHED))
    figure = new_figure(0.9 + 0.19 * len(classes) + 0.13 * ((len(shown) + 1 + 2 * bool(known)) // 2))
    axes = figure.add_subplot()
    for rows, alpha in ((by_class, 0.45 if len(shown) <= _FEW else 0), (macro, 1)):
        markers(axes, rows, classes, shown, alpha=alpha)
    for model, value in zip(macro["model"], macro["value"], strict=True):
        axes.axvline(value, color=shown[model].colour, linestyle=shown[model].line, linewidth=0.8, alpha=0.8)
    for name, values in published.items():
        if values:
            mark_published(axes, values, classes.index(name))
    axes.axhline(end, color=MUTED, linewidth=0.6)
    axes.set(xlim=(0, 1), ylim=(len(classes) - 0.5, -0.5), xlabel="share of decisions by shape")
    axes.set_yticks(range(len(classes)), [short(name, 18) for name in classes])
    axes.tick_params(axis="y", length=0)
    for position, side, text in ((0, "left", "← texture"), (1, "right", "shape →")):
        axes.annotate(
            text,
            (position, 1),
            xycoords="axes fraction",
            ha=side,
            va="bottom",
            xytext=(0, 2),
            textcoords="offset points",
        )
    legend(axes, shown, shown, others=published_handles(known))
    return figure
