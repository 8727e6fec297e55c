"""The data of the page's charts, as JSON: values with their intervals and counts, and text without markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from shapebias.published.references import Reference, references_on
from shapebias.reporting.export import records
from shapebias.reporting.human_charts import kappas, strengths
from shapebias.reporting.pictures import block_title
from shapebias.reporting.sweeps import Point, Series, find_sweeps
from shapebias.spelling.grammar import natural_sort_key, spell_scalar

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults

__all__ = ["ChartData"]

_Json: TypeAlias = dict[str, Any]
_ESTIMATE = ("value", "low", "high", "n")
_CLEAN = Point(float("nan"), "clean")


class ChartData:
    """Collects the data of each chart; every row names its model by its position among the models.

    Args:
        results: the results.
    """

    def __init__(self, results: CombinedResults) -> None:
        self._results = results
        self._positions = {model: position for position, model in enumerate(results.models)}
        self._texts = {view.dataset: view.texts["dataset"] for view in results.answers()}

    def as_json(self) -> dict[str, list[_Json]]:
        """Return the data of every chart, an empty list if the results have nothing for it."""
        return {
            "bias": [*self._biases()],
            "evidence": self._evidence(),
            "sweeps": [*self._sweeps()],
            "accuracy": [*self._accuracies()],
            "consistency": [*self._consistencies()],
            "strengths": [*strengths(self._results, self._positions)] if self._results.people else [],
            "kappas": [*kappas(self._results)] if self._results.people else [],
        }

    def _biases(self) -> Iterator[_Json]:
        """Yield the shape bias of all images and of each class, clean first, with published values beside it."""
        for (dataset, condition), rows in _blocks(self._results.metric("shape-bias")):
            is_clean = condition == "clean"
            published = self._published("shape-bias", dataset) if is_clean else []
            classes = [name for name in dict.fromkeys(rows["class"]) if name]
            of_class = {name: self._published(f"shape-bias:{name}", dataset) for name in classes if is_clean}
            people = {name: values for name, values in of_class.items() if values}
            counts = ("averaging", "class", "shape_hits", "texture_hits", "n_conflict")
            yield {
                "dataset": dataset,
                "condition": condition,
                "classes": classes,
                "rows": [self._row(row, *counts) for row in records(rows)],
                "published": published,
                "published_classes": people,
            }

    def _published(self, measure: str, dataset: str) -> list[_Json]:
        """List the published values on a data set: of models, and of people as a whole."""
        found = references_on(measure, self._texts.get(dataset, ""))
        shown = [one for one in found if not math.isnan(one.value) and (one.model == "people" or not one.is_human)]
        return [_reference(one) for one in shown]

    def _evidence(self) -> list[_Json]:
        """List the evidence for either cue: the metric ``headline``."""
        table = self._results.metric("headline")
        several = len({*table["dataset"]}) > 1
        rows = records(table)
        return [
            self._row(row, "cue", "metric", "condition") | {"title": _title(row, several=several)}
            for cue in ("both", "shape", "texture")
            for row in rows
            if row["cue"] == cue
        ]

    def _sweeps(self) -> Iterator[_Json]:
        """Yield each number that was varied: the accuracy of each model at each value, and at the clean images."""
        tables = self._results.metric("accuracy:top=1"), self._results.metric("robust-accuracy")
        accuracy, robust = (_by_condition(table) for table in tables)
        for series in find_sweeps(self._results.answers()):
            yield {
                "dataset": series.dataset,
                "title": series.title,
                "parameter": series.parameter,
                "attack": series.attack,
                "measure": "robust accuracy" if series.axis else "accuracy",
                "unchanged": series.unchanged,
                "logarithmic": series.is_logarithmic,
                "rows": [*self._points(series, accuracy, robust if series.axis else accuracy)],
            }

    def _points(self, series: Series, accuracy: _Rows, changed: _Rows) -> Iterator[_Json]:
        for point in (_CLEAN, *series.points):
            is_clean = point is _CLEAN
            table = accuracy if is_clean else changed
            for row in table.get((series.dataset, point.condition, point.eps), ()):
                value = None if is_clean else point.value
                label = "clean" if is_clean else spell_scalar(point.value)
                yield self._row(row) | {"at": value, "x": series.axis_position(value), "label": label}

    def _accuracies(self) -> Iterator[_Json]:
        """Yield the accuracy under every condition of each data set, clean first, with published values beside it."""
        table = self._results.metric("accuracy:top=1")
        for dataset, rows in table.groupby("dataset", sort=False):
            found = [self._row(row) | {"title": block_title(row["condition"], row["eps"])} for row in records(rows)]
            found.sort(key=lambda row: (row["title"] != "clean", natural_sort_key(row["title"])))
            published = self._published("accuracy", str(dataset)) if found[0]["title"] == "clean" else []
            yield {"dataset": str(dataset), "rows": found, "published": published}

    def _consistencies(self) -> Iterator[_Json]:
        """Yield Cohen's kappa of each pair of models, on clean images or else under the first condition."""
        seen = set()
        for (dataset, condition), rows in _blocks(self._results.metric("error-consistency")):
            if dataset in seen:
                continue
            seen.add(dataset)
            pairs = [
                self._row(row, "observed", "expected") | {"other": self._positions[row["other"]]}
                for row in records(rows)
            ]
            yield {"dataset": dataset, "condition": condition, "rows": pairs}

    def _row(self, row: _Json, *names: str) -> _Json:
        facts = {name: row[name] for name in (*_ESTIMATE, *names)}
        return {"model": self._positions[row["model"]], **facts}


_Rows: TypeAlias = dict[tuple[str, str, float | None], list[_Json]]


def _blocks(table: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Split a table by data set and condition, without attacks of several eps; clean images come first."""
    table = table[table["eps"].isna()]
    blocks = [((str(key[0]), str(key[1])), rows) for key, rows in table.groupby(["dataset", "condition"], sort=False)]
    order = list(dict.fromkeys(table["dataset"]))
    return sorted(blocks, key=lambda block: (order.index(block[0][0]), block[0][1] != "clean"))


def _by_condition(table: pd.DataFrame) -> _Rows:
    found: _Rows = {}
    for row in records(table):
        found.setdefault((row["dataset"], row["condition"], row["eps"]), []).append(row)
    return found


def _title(row: _Json, *, several: bool) -> str:
    """Name a number: ``saturate:p=8``, the metric if it is not an accuracy, and the data set if there are several."""
    what = {"accuracy": row["condition"], "saliency-share": f"{row['region']}: {row['saliency']}"}
    words: Iterable[str] = [what.get(row["metric"], row["metric"].replace("-", " "))]
    return ": ".join([row["dataset"], *words] if several else words)


def _reference(one: Reference) -> _Json:
    known = {"low": one.low, "high": one.high}
    interval = {name: None if math.isnan(value) else value for name, value in known.items()}
    return {"model": one.model, "human": one.is_human, "value": one.value, "n": one.n, "paper": one.paper, **interval}
