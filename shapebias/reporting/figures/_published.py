"""Published values in a figure: models as grey marks, people in red as in Geirhos et al."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shapebias.published.references import Reference, references_on
from shapebias.reporting.palette import MUTED, PEOPLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from shapebias.reporting.combined import CombinedResults

__all__ = ["mark_published", "published_handles", "published_values"]

_LABELS = {False: "published models", True: "people, published"}
_COLOURS = {False: MUTED, True: PEOPLE}


def published_values(results: CombinedResults, measure: str, dataset: str, *, people: bool = True) -> list[Reference]:
    """Return the published values on a data set of some results, of models and of people as a whole.

    Args:
        results: the results.
        measure: the measure, such as ``shape-bias`` or ``shape-bias:cat``.
        dataset: the name of the data set in tables.
        people: whether to include the values of people.
    """
    texts = {view.dataset: view.texts["dataset"] for view in results.answers()}
    found = references_on(measure, texts.get(dataset, ""))
    return [one for one in found if (people and one.model == "people") or not one.is_human]


def mark_published(axes: Axes, values: Iterable[Reference], height: float) -> None:
    """Draw a short vertical mark at each value, in the row at a height."""
    for one in values:
        strength: dict[str, Any] = (
            {"alpha": 1.0, "linewidth": 1.4, "zorder": 2.5} if one.is_human else {"alpha": 0.45, "linewidth": 0.7}
        )
        axes.vlines(one.value, height - 0.38, height + 0.38, color=_COLOURS[one.is_human], **strength)


def published_handles(values: Iterable[Reference]) -> list[Line2D]:
    """Return the legend's entries for the marked values."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=_COLOURS[human], marker="|", linestyle="none", markersize=6, label=_LABELS[human])
        for human in sorted({one.is_human for one in values})
    ]
