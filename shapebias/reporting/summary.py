"""The small table on top of the page: one row per model, with the few numbers that say most about its cue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np

from shapebias.reporting.export import UNDEFINED, records

if TYPE_CHECKING:
    from shapebias.reporting.combined import CombinedResults

__all__ = ["Number", "Summary", "summary"]

_Key: TypeAlias = tuple[str, str, str, str]
_MANY = 6  # more models are sorted by the first number, as in the chart above the table
_MEANINGS = {
    "both": "shape and texture are there",
    "shape": "only the shape says the class",
    "texture": "only the texture says the class",
}
_DESTROYED = {"shape": "a condition that destroys texture", "texture": "a condition that destroys shape"}


@attrs.frozen
class Number:
    """A number as texts: the value, its interval, and the counts behind it; texts may be empty."""

    value: str
    interval: str = ""
    counts: str = ""


@attrs.frozen
class Summary:
    """The table.

    Args:
        columns: for each number its name and its meaning.
        rows: for each model its name and its numbers; people are one row.
    """

    columns: list[tuple[str, str]]
    rows: list[tuple[str, list[Number]]]


def summary(results: CombinedResults) -> Summary:
    """Choose the shape bias, the accuracy on clean images, and one accuracy without texture and one without shape."""
    rows = [row for row in records(results.metric("headline")) if row["metric"] != "saliency-share"]
    chosen = _chosen(rows)
    several = len({row["dataset"] for row in rows}) > 1
    found = {(row["model"], _key(row)): row for row in rows}
    networks = [model for model in results.models if model not in results.people]
    if len(networks) > _MANY and chosen:
        networks.sort(key=lambda model: -_value(found.get((model, chosen[0]))))
    lines = [(model, [_number(found.get((model, key))) for key in chosen]) for model in networks]
    people = [model for model in results.models if model in results.people]
    if people:
        columns = [[found[model, key] for model in people if (model, key) in found] for key in chosen]
        lines.append((f"people ({len(people)})", [_range(column) for column in columns]))
    return Summary([_heading(key, several=several) for key in chosen], lines)


def _value(row: dict[str, Any] | None) -> float:
    """Return the number that models are sorted by; those without it come last."""
    return -1.0 if row is None or row["value"] is None else float(row["value"])


def _key(row: dict[str, Any]) -> _Key:
    return row["cue"], row["metric"], row["dataset"], row["condition"]


def _chosen(rows: Sequence[dict[str, Any]]) -> list[_Key]:
    """Choose at most four numbers; of several accuracies the one nearest to one half, where models differ most."""
    values: dict[_Key, list[float]] = {}
    for row in rows:
        values.setdefault(_key(row), []).append(np.nan if row["value"] is None else row["value"])
    biases = [key for key in values if key[1] == "shape-bias"][:1]
    both = [key for key in values if key[0] == "both"][:1]
    left = []
    for cue in ("shape", "texture"):
        accuracies = [key for key in values if key[:2] == (cue, "accuracy")]
        left += sorted(accuracies, key=lambda key: abs(float(np.mean(values[key])) - 0.5))[:1]
    return [*biases, *both, *left]


def _heading(key: _Key, *, several: bool) -> tuple[str, str]:
    cue, metric, dataset, condition = key
    name = "shape bias" if metric == "shape-bias" else f"accuracy, {condition}"
    meanings = _MEANINGS if condition == "clean" else _MEANINGS | _DESTROYED
    meaning = "share of decisions by shape" if metric == "shape-bias" else meanings[cue]
    return name, f"{dataset}: {meaning}" if several else meaning


def _number(row: dict[str, Any] | None) -> Number:
    if row is None:
        return Number("")
    value, n = row["value"], row["n"]
    if value is None:
        return Number(UNDEFINED, counts=f"0 of {n}")
    interval = f"[{100 * row['low']:.0f}, {100 * row['high']:.0f}]" if row["low"] is not None else ""
    return Number(f"{100 * value:.0f} %", interval, f"{round(value * n)} of {n}")


def _range(rows: Sequence[dict[str, Any]]) -> Number:
    """Describe people: the mean of their values and the range of them."""
    values = [row["value"] for row in rows if row["value"] is not None]
    if not values:
        return Number("")
    ends = f"{100 * min(values):.0f} to {100 * max(values):.0f}" if len(values) > 1 else ""
    hits = sum(round(row["value"] * row["n"]) for row in rows if row["value"] is not None)
    return Number(f"{100 * np.mean(values):.0f} %", ends, f"{hits} of {sum(row['n'] for row in rows)}")
