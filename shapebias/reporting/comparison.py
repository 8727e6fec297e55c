"""What changed between two results: before and after fine-tuning, two seeds, two networks; on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import FigureError
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.protocols import Maps, Values
from shapebias.store import Results
from shapebias.store.views import StoredAnswers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare"]

_PLACE = ["dataset", "condition", "eps", "metric"]
_FIRST = ["dataset", "model", "condition", "eps", "metric", "before", "after"]


def compare(before: Results, after: Results) -> pd.DataFrame:
    """Compare each model of one file with the model of the same name, or the only other one, of another file.

    Args:
        before, after: the results; images are paired by id, and only those that both have count.

    Returns:
        The rows of the metric ``paired-difference``, after minus before, with the two values in the columns ``before``
        and ``after``, and in ``lost`` and ``gained`` how many images only the first and only the second answers right.

    Raises:
        FigureError: the files have no model in common, or no images.
    """
    import pandas as pd

    tables = [_table(before, after, *names) for names in _pairs(before, after)]
    found = [table for table in tables if len(table)]
    if not found:
        raise FigureError(
            f"{before.store.path} and {after.store.path} have no images in common that were answered under the same "
            "condition; compare results of the same data set"
        )
    return pd.concat(found, ignore_index=True)


def _pairs(before: Results, after: Results) -> list[tuple[str, str]]:
    """Pair the models by name, or the only models of both."""
    first, second = (list(dict.fromkeys(view.model for view in each.answers())) for each in (before, after))
    same = [(model, model) for model in first if model in second]
    if not same and len(first) == len(second) == 1:
        return [(first[0], second[0])]
    if not same:
        raise FigureError(
            f"{before.store.path} has the models {', '.join(first) or 'none'}; {after.store.path} has "
            f"{', '.join(second) or 'none'}: give the models that are to be compared the same label"
        )
    return same


def _table(before: Results, after: Results, first: str, second: str) -> pd.DataFrame:
    """Compare two models; a table without rows where they have nothing in common."""
    old, new = (
        {(view.dataset, view.condition, view.eps): view for view in results.answers() if view.model == model}
        for results, model in ((before, first), (after, second))
    )
    common = [
        (_Common.of(old[position], new[position], "before"), _Common.of(new[position], old[position], "after"))
        for position in old
        if position in new
    ]
    pair = _Pair(before.seed, [one for both in common for one in both])
    table = pair.metric("paired-difference:against=before")
    for sides in (pair.values_of("accuracy:top=1", "shape-bias"), _moved(common)):
        table = table.merge(sides, how="left", on=_PLACE)
    name = first if first == second else f"{second} after {first}"
    return table.assign(model=name)[[*_FIRST, *(each for each in table if each not in (*_FIRST, "against"))]]


def _moved(common: list[tuple[_Common, _Common]]) -> pd.DataFrame:
    """Count the images that only one of the two answers right."""
    import pandas as pd

    rows = [
        [
            old.dataset,
            old.condition,
            old.eps,
            "accuracy-difference",
            len(old.right - new.right),
            len(new.right - old.right),
        ]
        for old, new in common
    ]
    counts = {"lost": "Int64", "gained": "Int64"}
    return pd.DataFrame(rows, columns=[*_PLACE, *counts]).astype({"eps": float, **counts})


@attrs.frozen(eq=False)
class _Common:
    """The answers of one model to the images that another one has answered too."""

    dataset: str
    model: str
    condition: str
    eps: float | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    shape_labels: NDArray[np.int64]
    texture_labels: NDArray[np.int64]
    prediction: NDArray[np.int64]
    logits: None = None

    @classmethod
    def of(cls, view: StoredAnswers, other: StoredAnswers, model: str) -> _Common:
        known = set(other.ids)
        kept = [position for position, identity in enumerate(view.ids) if identity in known]
        return cls(
            dataset=view.dataset,
            model=model,
            condition=view.condition,
            eps=view.eps,
            classes=tuple(view.classes),
            ids=tuple(view.ids[position] for position in kept),
            labels=view.labels[kept],
            shape_labels=view.shape_labels[kept],
            texture_labels=view.texture_labels[kept],
            prediction=view.prediction[kept],
        )

    def top(self, k: int) -> NDArray[np.int64]:
        return self.prediction[:, None][:, :k]

    @property
    def right(self) -> set[str]:
        hits = zip(self.ids, self.labels, self.prediction, strict=True)
        return {identity for identity, label, answer in hits if label == answer >= 0}


@attrs.frozen
class _Pair:
    """The common answers of two models, as metrics read results."""

    seed: int
    common: list[_Common]

    def answers(self) -> list[_Common]:
        return self.common

    def maps(self) -> list[Maps]:
        return []

    def values(self) -> list[Values]:
        return []

    def metric(self, text: str) -> pd.DataFrame:
        settings: Any = default_catalog().component("metric", text).settings
        table: pd.DataFrame = settings(self)
        return table

    def values_of(self, *metrics: str) -> pd.DataFrame:
        """Return the values of both models side by side: by place, the columns ``before`` and ``after``."""
        import pandas as pd

        tables = [self.metric(metric) for metric in metrics]
        rows = pd.concat([table[table["averaging"] == "micro"] if "averaging" in table else table for table in tables])
        rows["metric"] += "-difference"
        old, new = (
            rows[rows["model"] == name][[*_PLACE, "value"]].rename(columns={"value": name})
            for name in ("before", "after")
        )
        return old.merge(new, how="outer", on=_PLACE)
