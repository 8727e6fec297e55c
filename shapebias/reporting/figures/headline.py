"""The headline: all evidence for shape, and all evidence for texture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from shapebias.errors import FigureError
from shapebias.reporting.export import records
from shapebias.reporting.figures._choose import choose
from shapebias.reporting.figures._published import mark_published, published_handles, published_values
from shapebias.reporting.figures._rows import line_height, panel
from shapebias.reporting.mpl_style import legend, new_figure, style
from shapebias.spelling.params import param

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from shapebias.published.references import Reference
    from shapebias.reporting.combined import CombinedResults
    from shapebias.reporting.palette import ModelStyle

__all__ = ["HeadlineFigure"]

_TITLES = {"both": "both cues", "shape": "speaks for shape", "texture": "speaks for texture"}


@attrs.frozen
class HeadlineFigure:
    """The metric ``headline``: one panel per cue, one row per number, one marker per model, with 95 % intervals.

    A model that relies on shape is far to the right under *speaks for shape*, and far to the left under *speaks for
    texture*.  In the row of the shape bias on the published stimuli, grey marks are published models and the red mark
    is people, unless the results have people's answers.
    """

    dataset: str | None = param("the data set; none shows every one", default=None)
    published: bool = param("whether to mark published values", default=True)

    def __call__(self, results: CombinedResults) -> Figure:
        """Draw it."""
        table = results.metric("headline")
        if table.empty:
            raise FigureError("headline: no image has a label; use a data set with labels")
        several = self.dataset is None and len({*table["dataset"]}) > 1
        if self.dataset is not None:
            table = table[table["dataset"] == choose("dataset", self.dataset, table["dataset"])]
        table = table.assign(row=[_title(row, several=several) for row in records(table)])
        with style():
            return _draw(table, results.model_styles, self._published(results, table))

    def _published(self, results: CombinedResults, table: pd.DataFrame) -> dict[str, list[Reference]]:
        """Collect the published values by row."""
        rows = (
            table[(table["metric"] == "shape-bias") & (table["condition"] == "clean")] if self.published else table[:0]
        )
        people = not results.people & {*table["model"]}
        return {
            row: published_values(results, "shape-bias", dataset, people=people)
            for row, dataset in zip(rows["row"], rows["dataset"], strict=True)
        }


def _title(row: dict[str, Any], *, several: bool) -> str:
    """Name a number: ``saturate:p=8``, the metric if it is not an accuracy, and the data set if there are several."""
    what = {"accuracy": row["condition"], "saliency-share": f"{row['region']}: {row['saliency']}"}
    words = [row["dataset"]] * several + [what.get(row["metric"], row["metric"].replace("-", " "))]
    return ": ".join(words)


def _draw(table: pd.DataFrame, model_styles: dict[str, ModelStyle], published: dict[str, list[Reference]]) -> Figure:
    shown = {model: drawn for model, drawn in model_styles.items() if model in set(table["model"])}
    cues = {cue: table[table["cue"] == cue] for cue in _TITLES if cue in set(table["cue"])}
    counts = [rows["row"].nunique() for rows in cues.values()]
    height = sum(0.3 + line_height(len(shown)) * count for count in counts)
    known = [one for values in published.values() for one in values]
    figure = new_figure(0.5 + 0.13 * ((len(shown) + 1 + 2 * bool(known)) // 2) + height)
    panels = figure.subplots(len(cues), squeeze=False, sharex=True, height_ratios=counts)
    for axes, (cue, rows) in zip(panels.flat, cues.items(), strict=True):
        panel(axes, rows, shown)
        for height, name in enumerate(dict.fromkeys(rows["row"])):
            mark_published(axes, published.get(name, ()), height)
        axes.set_title(_TITLES[cue])
    legend(panels.flat[0], shown, shown, lines=False, others=published_handles(known))
    return figure
