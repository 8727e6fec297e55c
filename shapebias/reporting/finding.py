"""The finding, one computed sentence per model, and what these results cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from shapebias.published.references import references_on
from shapebias.reporting.export import records
from shapebias.reporting.pictures import block_title
from shapebias.spelling.grammar import quote

if TYPE_CHECKING:
    from shapebias.reporting.combined import CombinedResults

__all__ = ["Sentence", "evidence", "finding"]

_EXAMPLES = {"texture": "saturate:p=8", "shape": "patch-shuffle:k=4"}
_NOTHING = (
    "These results cannot say whether a model looks at shape or at texture: they have no images on which the two "
    "disagree, and no condition that destroys one of them, such as saturate:p=8 or patch-shuffle:k=4, beside 'clean'."
)
_NAMED = 6  # with more models, only the two ends are named


@attrs.frozen
class Sentence:
    """A sentence about one model, or about people.

    Args:
        model: the model whose name begins the sentence; empty for a sentence about no model.
        text: the rest of the sentence.
        people: whether it is about people.
    """

    model: str
    text: str
    people: bool = False

    def __str__(self) -> str:
        return f"{self.model} {self.text}".strip()


def finding(results: CombinedResults) -> list[Sentence]:
    """Say in one sentence for each model whether it looks at shape or at texture.

    If there are images whose shape and texture disagree, the sentence says which one the model's decisions follow;
    otherwise, how many of its correct answers survive when texture or shape is destroyed.  Of more than six models
    only the two at the ends are named.
    """
    followed = _followed(results)
    decided = {row["model"] for row in _decided(results)}
    survived = [sentence for sentence in _survived(results) if sentence.model not in decided]
    people = [sentence for sentence in followed if sentence.people]
    networks = [sentence for sentence in followed if not sentence.people]
    return [*networks, *survived, *people] or [Sentence("", _NOTHING)]


def evidence(results: CombinedResults) -> list[str]:
    """Describe further evidence for shape or texture: the difference of two models, and what survives."""
    rows = [row for row in _decided(results) if row["n"]]
    networks = [row for row in rows if row["model"] not in results.people] or rows
    named = networks if len(networks) <= _NAMED else _ends(networks)
    apart = _apart(results, named) if len(named) > 1 else ()
    return [*apart, *_destroyed(results)]


def _decided(results: CombinedResults) -> list[dict[str, Any]]:
    """List the shape bias of each model, of all images together, on the first data set with cue conflict."""
    table = results.metric("shape-bias")
    table = table[(table["averaging"] == "micro") & (table["condition"] == "clean") & table["eps"].isna()]
    return records(table[table["dataset"] == table["dataset"].iloc[0]]) if len(table) else []


def _followed(results: CombinedResults) -> list[Sentence]:
    rows = _decided(results)
    people = [row for row in rows if row["model"] in results.people]
    networks = [row for row in rows if row not in people]
    named = networks if len(networks) <= _NAMED else _ends([row for row in networks if row["n"]] or networks)
    sentences = [Sentence(row["model"], _side(row)) for row in named]
    if len(named) < len(networks):
        sentences.append(Sentence("", f"The {len(networks) - len(named)} other models are between these two."))
    return [*sentences, *_people([row for row in people if row["n"]]), *_published_people(results, rows, people)]


def _side(row: dict[str, Any]) -> str:
    """Say which cue most decisions follow, and whether the interval is on one side of one half."""
    shape, n = row["shape_hits"], row["n"]
    if not n:
        return f"follows neither: none of its answers to {row['n_conflict']} images is the shape or the texture."
    side, hits = ("shape", shape) if 2 * shape >= n else ("texture", n - shape)
    share = f"the {side} in {_percent(hits / n)} of its decisions ({hits} of {n})"
    if row["low"] <= 0.5 <= row["high"]:
        return f"follows {share}, which may be chance: the interval of its shape bias includes 50 %."
    return f"follows {share}."


def _people(rows: list[dict[str, Any]]) -> Iterator[Sentence]:
    """Say which cue people follow; several people are described by their range."""
    if not rows:
        return
    shape, n = sum(row["shape_hits"] for row in rows), sum(row["n"] for row in rows)
    values = [row["value"] for row in rows]
    if len(rows) == 1:
        yield Sentence("One person", _side(rows[0]), people=True)
        return
    ends = f"{_number(min(values))} to {_percent(max(values))}"
    together = f"follow the shape in {ends} of their decisions ({shape} of {n} together)."
    yield Sentence(f"{len(rows)} people", together, people=True)


def _published_people(
    results: CombinedResults, rows: list[dict[str, Any]], people: list[dict[str, Any]]
) -> Iterator[Sentence]:
    """Give the published value of people if these results have no answers of people."""
    if people or not rows:
        return
    dataset = rows[0]["dataset"]
    text = next(view.texts["dataset"] for view in results.answers() if view.dataset == dataset)
    for one in references_on("shape-bias", text):
        if one.model == "people":
            share = f"follow the shape in {_percent(one.value)} of their decisions"
            yield Sentence("People", f"{share} (published: {one.paper}).", people=True)


def _survived(results: CombinedResults) -> list[Sentence]:
    """Say for each model how many of its correct answers survive without texture, and without shape."""
    kept = _kept(results)
    models = list(dict.fromkeys(row["model"] for rows in kept.values() for row in rows))
    return [Sentence(model, _keeps(model, kept)) for model in models[:_NAMED]]


def _keeps(model: str, kept: dict[str, list[dict[str, Any]]]) -> str:
    said = [
        f"{_percent(row['value'])} without {kind} ({round(row['value'] * row['n'])} of {row['n']}, {row['condition']})"
        for kind, rows in kept.items()
        for row in rows
        if row["model"] == model
    ]
    return f"keeps, of the images it knows, {_together(said)}."


def _apart(results: CombinedResults, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Compare the last named model with the first, on the same images."""
    first, last, dataset = rows[0]["model"], rows[-1]["model"], rows[0]["dataset"]
    table = results.metric(f"paired-difference:against={quote(first)},of=shape-bias")
    here = (table["dataset"] == dataset) & (table["condition"] == "clean") & (table["model"] == last)
    for row in records(table[here & table["low"].notna()]):
        interval = f"{100 * row['value']:+.0f} points [{100 * row['low']:+.0f}, {100 * row['high']:+.0f}]"
        doubt = "" if row["low"] > 0 or row["high"] < 0 else ", which may be chance"
        yield f"Shape bias of {last} against {first}, on the same images of {dataset}: {interval}{doubt}."


def _ends(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: float(row["value"]))
    return [ordered[0], ordered[-1]]


def _destroyed(results: CombinedResults) -> Iterator[str]:
    """Compare what remains without texture with what remains without shape, on one data set."""
    kept = _kept(results)
    if not kept:
        return
    said = "; ".join(_left(rows, kind) for kind, rows in kept.items())
    dataset = next(iter(kept.values()))[0]["dataset"]
    yield f"Of the images that each model answers right when clean ({dataset}), {said}."
    for kind in _EXAMPLES.keys() - kept.keys():
        yield f"No condition destroys {kind} alone, so nothing is said about it; add one, such as {_EXAMPLES[kind]}."


def _kept(results: CombinedResults) -> dict[str, list[dict[str, Any]]]:
    """List how many correct answers survive without texture and without shape, on one data set.

    Of several conditions the one nearest to one half counts, because models differ most there.
    """
    table = results.metric("conditional-accuracy")
    table = table[table["eps"].isna() & (table["n"] > 0)]
    kinds = {condition: _kind(results, condition) for condition in dict.fromkeys(table["condition"])}
    table = table.assign(kind=table["condition"].map(kinds))
    table = table[table["kind"].isin(_EXAMPLES)]
    if table.empty:
        return {}
    conflicting = set(results.metric("shape-bias")["dataset"])
    known = {str(name): (rows["kind"].nunique(), name not in conflicting) for name, rows in table.groupby("dataset")}
    table = table[table["dataset"] == max(known, key=lambda name: known[name])]
    found = {}
    for kind in _EXAMPLES:
        rows = table[table["kind"] == kind]
        if len(rows):
            means = rows.groupby("condition", sort=False)["value"].mean()
            found[kind] = records(rows[rows["condition"] == str((means - 0.5).abs().idxmin())])
    return found


def _kind(results: CombinedResults, title: str) -> str:
    """Return what a condition destroys: ``texture``, ``shape``, or nothing that distinguishes the two."""
    view = next(view for view in results.answers() if view.condition == title)
    attacked = any(step.kind == "attack" for step in view.steps or ())
    return next(iter(view.destroys)) if len(view.destroys) == 1 and not attacked else ""


def _left(rows: list[dict[str, Any]], kind: str) -> str:
    condition = rows[0]["condition"]
    rows = rows if len(rows) <= _NAMED else _ends(rows)
    said = _together(f"{row['model']} {_share(row)}" for row in rows)
    return f"{block_title(condition, None)}, which destroys {kind}, leaves {said}"


def _share(row: dict[str, Any]) -> str:
    return f"{_percent(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    return f"{100 * share:.0f}"


def _together(words: Iterable[str]) -> str:
    """Join words as in a sentence.

    >>> _together(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
