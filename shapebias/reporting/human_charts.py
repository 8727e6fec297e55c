"""Models beside people on the sets of model-vs-human: what two charts of the page draw, as plain values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from shapebias.published.human_sets import conditions_of_set
from shapebias.reporting.export import records

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults

__all__ = ["accuracies_by_strength", "kappas", "strengths"]

_Json: TypeAlias = dict[str, Any]
_ESTIMATE = ("value", "low", "high", "n")


def accuracies_by_strength(results: CombinedResults) -> dict[str, pd.DataFrame]:
    """Return the accuracy of each model and person under each condition of each set that has several.

    Returns:
        Rows of the metric ``human-consistency``, in the order of the strength of their condition, by data set.
    """
    table = results.metric("human-consistency:conditions=true")
    table = table[(table["measure"] == "ood-accuracy") & (table["averaging"] == "condition")]
    sets = _sets(results)
    found = {str(name): _in_order(rows, sets[str(name)]) for name, rows in table.groupby("dataset", sort=False)}
    return {name: rows for name, rows in found.items() if len(set(rows["condition"])) > 1}


def _sets(results: CombinedResults) -> dict[str, Mapping[str, bool]]:
    """Return the conditions of each data set, and whether they count; none where it is not a published set."""
    texts = {view.dataset: view.texts["dataset"] for view in results.answers()}
    return {name: conditions_of_set(name, text) or {} for name, text in texts.items()}


def _in_order(table: pd.DataFrame, conditions: Collection[str]) -> pd.DataFrame:
    """Sort the rows of one set by the strength of their condition; others come last."""
    known = [*conditions]
    order = {name: at for at, name in enumerate([*known, *(name for name in table["condition"] if name not in known)])}
    return table.sort_values("condition", key=lambda column: column.map(order), kind="stable")


def strengths(results: CombinedResults, positions: Mapping[str, int]) -> Iterator[_Json]:
    """Yield the accuracy over the strength of each set, in the form of a chart of sweeps.

    Args:
        results: the results.
        positions: the position of each model and person among all of them.
    """
    sets = _sets(results)
    for dataset, table in accuracies_by_strength(results).items():
        conditions = list(dict.fromkeys(table["condition"]))
        counted = sets[dataset]
        rows = [
            {
                "model": positions[row["model"]],
                **{name: row[name] for name in _ESTIMATE},
                "at": row["condition"],
                "x": conditions.index(row["condition"]),
                "label": row["condition"],
                "note": f"{row['n']} images" + ("" if counted.get(row["condition"], True) else ", not in the means"),
            }
            for row in records(table)
            if row["model"] in positions
        ]
        yield {"dataset": dataset, "parameter": "condition", "logarithmic": False, "rows": rows}


def kappas(results: CombinedResults) -> Iterator[_Json]:
    """Yield the kappa with people of each model in each set, people among themselves last, if there is any."""
    table = results.metric("human-consistency")
    table = table[(table["measure"] == "error-consistency") & (table["averaging"] != "condition")]
    if table.empty:
        return
    known = set(table["model"])
    models = [model for model in results.models if model in known]
    models += [model for model in dict.fromkeys(table["model"]) if model not in models]
    rows = [{name: row[name] for name in ("model", "dataset", *_ESTIMATE)} for row in records(table)]
    for row in rows:
        row["name"] = row.pop("model")  # "people" has no position among the models
    yield {"models": models, "datasets": list(dict.fromkeys(table["dataset"])), "rows": rows}
