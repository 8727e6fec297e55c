"""The finding in a few sentences, computed; and what these results cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shapebias.reporting.export import records
from shapebias.reporting.pictures import block_title
from shapebias.spelling.grammar import quote

if TYPE_CHECKING:
    import pandas as pd

    from shapebias.reporting.combined import CombinedResults

__all__ = ["finding"]

_EXAMPLES = {"texture": "saturate:p=8", "shape": "patch-shuffle:k=4"}
_NOTHING = (
    "These results cannot say whether a model looks at shape or at texture: they have no images on which the two "
    "disagree, and no condition that destroys one of them, such as saturate:p=8 or patch-shuffle:k=4, beside 'clean'."
)
_NAMED = 4  # with more models, only the two ends are named


def finding(results: CombinedResults) -> list[str]:
    """Say in sentences whether the models look at shape or at texture.

    Two kinds of evidence, each a sentence where it is there: what models answer where shape and texture disagree, and
    how many of the answers that were right survive when texture or shape is destroyed.
    """
    sentences = [*_conflict(results), *_destroyed(results)]
    if sentences:
        return sentences
    return [_NOTHING]


def _conflict(results: CombinedResults) -> Iterator[str]:
    """Compare shape hits with texture hits, on the first data set with cue conflict."""
    table = results.metric("shape-bias")
    table = table[(table["averaging"] == "micro") & (table["condition"] == "clean") & table["eps"].isna()]
    if table.empty:
        return
    dataset = table["dataset"].iloc[0]
    rows = [row for row in records(table[table["dataset"] == dataset]) if row["n"]]
    if not rows:
        yield f"No model has answered any image of {dataset} by its shape or its texture."
        return
    networks = [row for row in rows if row["model"] not in results.people] or rows
    named = networks if len(networks) <= _NAMED else _ends(networks)
    said = _together(f"{row['model']} in {_share(row)} ({row['shape_hits']} of {row['n']})" for row in named)
    lean = "; ".join([_lean(named), *_apart(results, dataset, named), *_people(results, rows)])
    images = rows[0]["n_conflict"]
    yield f"Where shape and texture disagree ({dataset}, {images} images), shape decides for {said}: {lean}."


def _people(results: CombinedResults, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Give the range of people's shape bias; they are named one by one only where there are no networks."""
    shares = [100 * row["value"] for row in rows if row["model"] in results.people]
    if 1 < len(shares) < len(rows):
        yield f"for {len(shares)} people it is {min(shares):.0f} to {max(shares):.0f} %"


def _apart(results: CombinedResults, dataset: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Compare the last model that is named with the first, on the same images."""
    first, last = rows[0]["model"], rows[-1]["model"]
    table = results.metric(f"paired-difference:against={quote(first)},of=shape-bias")
    here = (table["dataset"] == dataset) & (table["condition"] == "clean") & (table["model"] == last)
    for row in records(table[here & table["low"].notna()]):
        interval = f"{100 * row['value']:+.0f} points [{100 * row['low']:+.0f}, {100 * row['high']:+.0f}]"
        doubt = "" if row["low"] > 0 or row["high"] < 0 else ", which may be chance"
        yield f"{last} against {first} on the same images: {interval}{doubt}"


def _ends(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: float(row["value"]))
    return [ordered[0], ordered[-1]]


def _lean(rows: list[dict[str, Any]]) -> str:
    """Say which cue each model follows, where its whole interval is on one side of one half."""
    sides: dict[str, list[str]] = {}
    for row in rows:
        side = "shape" if row["low"] > 0.5 else "texture" if row["high"] < 0.5 else ""
        sides.setdefault(side, []).append(row["model"])
    clauses = [
        f"{_together(models)} lean{'s' * (len(models) == 1)} on {side}" for side, models in sides.items() if side
    ]
    if "" in sides:
        clauses.append(f"for {_together(sides[''])} neither can be said, as the interval includes 50 %")
    return "; ".join(clauses)


def _destroyed(results: CombinedResults) -> Iterator[str]:
    """Compare what is left without texture with what is left without shape, on one data set."""
    table = results.metric("conditional-accuracy")
    table = table[table["eps"].isna() & (table["n"] > 0)]
    kinds = {condition: _kind(results, condition) for condition in dict.fromkeys(table["condition"])}
    table = table.assign(kind=table["condition"].map(kinds))
    table = table[table["kind"].isin(_EXAMPLES)]
    if table.empty:
        return
    conflicting = set(results.metric("shape-bias")["dataset"])
    known = {str(name): (rows["kind"].nunique(), name not in conflicting) for name, rows in table.groupby("dataset")}
    dataset = max(known, key=lambda name: known[name])
    table = table[table["dataset"] == dataset]
    there = [kind for kind in _EXAMPLES if kind in set(table["kind"])]
    said = "; ".join(_left(table[table["kind"] == kind], kind) for kind in there)
    yield f"Of the images that each model answers right when clean ({dataset}), {said}."
    for kind in _EXAMPLES.keys() - there:
        yield f"No condition destroys {kind} alone, so nothing is said about it; add one, such as {_EXAMPLES[kind]}."


def _kind(results: CombinedResults, title: str) -> str:
    """Say what a condition destroys: ``texture``, ``shape``, or nothing that tells the two apart."""
    view = next(view for view in results.answers() if view.condition == title)
    attacked = any(step.kind == "attack" for step in view.steps or ())
    return next(iter(view.destroys)) if len(view.destroys) == 1 and not attacked else ""


def _left(table: pd.DataFrame, kind: str) -> str:
    """Report the condition nearest to one half, where models are told apart best."""
    means = table.groupby("condition", sort=False)["value"].mean()
    condition = str((means - 0.5).abs().idxmin())
    rows = records(table[table["condition"] == condition])
    rows = rows if len(rows) <= _NAMED else _ends(rows)
    said = _together(f"{row['model']} {_share(row)}" for row in rows)
    return f"{block_title(condition, None)}, which destroys {kind}, leaves {said}"


def _share(row: dict[str, Any]) -> str:
    return f"{100 * row['value']:.0f} % [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"


def _together(words: Iterable[str]) -> str:
    """Join words as a sentence does.

    >>> _together(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
