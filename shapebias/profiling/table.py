"""The table of a profile: the numbers of the models, of people and of published models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.errors import ShapebiasError
from shapebias.plugins.catalog import Component
from shapebias.plugins.tables import headline_table, metric_table
from shapebias.profiling.choice import PlannedSuite
from shapebias.published.references import Reference
from shapebias.reporting.caption import caption, grouped, partial_sets
from shapebias.reporting.combined import CombinedResults, is_of, is_person
from shapebias.reporting.export import UNDEFINED, records
from shapebias.spelling.grammar import quote
from shapebias.store.views import StoredAnswers, StoredMaps, StoredValues

__all__ = ["SuiteResults", "headline", "rows_in_words", "sentences"]

_PEOPLE = "people"
_COLUMNS = ("suite", "measure", "model", "value", "low", "high", "n", "counts")
_OF_PEOPLE = ("people", "people_low", "people_high", "people_source")
_AGAINST = ("against", "against_value", "difference", "difference_low", "difference_high", "p")
_COMPARED = {"accuracy": "accuracy-difference", "shape-bias": "shape-bias-difference"}


@attrs.frozen(eq=False)
class SuiteResults:
    """The results of one suite, as metrics read them.

    Args:
        suite: the suite.
        combined: the results, which may include those of other suites.
        models: the models of the profile.
        against: the model to compare them with.
        with_people: whether to include people's answers.
    """

    suite: PlannedSuite
    combined: CombinedResults
    models: Sequence[Component]
    against: Component | None = None
    with_people: bool = True

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.suite.study.seed

    def answers(self) -> list[StoredAnswers]:
        """List the answers to this suite's images."""
        return [view for view in self.combined.answers() if self._counts(view)]

    def maps(self) -> list[StoredMaps]:
        """List the maps of this suite."""
        return [view for view in self.combined.maps() if self._counts(view)]

    def values(self) -> list[StoredValues]:
        """List the values of this suite's probes."""
        return [view for view in self.combined.values() if self._counts(view)]

    def _counts(self, view: StoredAnswers | StoredMaps | StoredValues) -> bool:
        return self._is_of(view.cell.record) and (self.with_people or not is_person(view.cell.record))

    @property
    def _is_of(self) -> Callable[[Any], bool]:
        return is_of([self.suite.study])

    def title(self, model: Component) -> str:
        """Return the name of a model in tables."""
        found = (view.model for view in self.answers() if view.texts["model"] == model.canonical)
        return next(found, model.title)


def headline(parts: Sequence[SuiteResults]) -> tuple[pd.DataFrame, dict[str, ShapebiasError]]:
    """Collect the headline of every suite, and add the values of people and published models to each row.

    Returns:
        The table, and the error of each suite that failed.
    """
    names = [part.suite.component.name for part in parts]
    rows: list[dict[str, Any]] = []
    failed: dict[str, ShapebiasError] = {}
    for part in parts:
        suite = part.suite.component
        try:
            found = [*_suite(part)]
        except ShapebiasError as error:
            failed[suite.text] = error
        else:
            shown = suite.name if names.count(suite.name) == 1 else suite.text
            rows += [{"suite": shown, **row} for row in found]
    named = dict.fromkeys(model for part in parts for model in part.suite.published_models)
    compared = _AGAINST if any(part.against is not None for part in parts) else ()
    table = pd.DataFrame(rows, columns=[*_COLUMNS, *_OF_PEOPLE, *named, "rank", "ranked", *compared])
    numbers = ["value", "low", "high", *_OF_PEOPLE[:3], *named, *(name for name in compared if name != "against")]
    return table.astype(dict.fromkeys(numbers, float) | {"n": "Int64", "rank": "Int64", "ranked": "Int64"}), failed


def _suite(part: SuiteResults) -> Iterator[dict[str, Any]]:
    suite = part.suite.component
    found = headline_table(suite.text, suite.settings, part)
    published = part.suite.references
    differences = _differences(part)
    other = part.title(part.against) if part.against is not None else None
    for measure in dict.fromkeys(found["measure"]):
        rows = {row["model"]: row for row in records(found[found["measure"] == measure])}
        beside = _people(rows, part.combined.people, published.get(measure, ()))
        for model in map(part.title, part.models):
            row = rows.get(model)
            if row is None:  # its cells have failed
                continue
            facts = {name: row.get(name) for name in _COLUMNS[2:]}
            facts |= beside | _published(part, published.get(measure, ()), row["value"])
            if other is not None:
                of_other = {"against": other, "against_value": rows.get(other, {}).get("value")}
                facts |= of_other | differences.get(_cell(row, model), {})
            yield {"measure": measure, **facts}


def _people(rows: Mapping[str, Any], people: set[str], published: Sequence[Reference]) -> dict[str, Any]:
    """Take people's value from their answers to the same images, or else from publications."""
    if own := rows.get(_PEOPLE):
        values, source = [own["value"], own["low"], own["high"]], "people among themselves, same images"
    elif observed := [row["value"] for model, row in rows.items() if model in people and row["value"] is not None]:
        values, source = [float(np.mean(observed)), min(observed), max(observed)], f"{len(observed)} observers"
    elif reference := next((one for one in published if one.model == _PEOPLE), None):
        values, source = [reference.value, reference.low, reference.high], reference.paper
    else:
        return {}
    return dict(zip(_OF_PEOPLE, [*values, source], strict=True))


def _published(part: SuiteResults, published: Sequence[Reference], value: float | None) -> dict[str, Any]:
    """Find the values of the named published models, and the rank among all published models."""
    named: dict[str, Any] = {
        one.model: one.value for one in reversed(published) if one.model in part.suite.published_models
    }
    others = [one.value for one in published if not one.is_human]
    if not others or value is None:
        return named
    return named | {"rank": 1 + sum(other > value for other in others), "ranked": 1 + len(others)}


def _differences(part: SuiteResults) -> dict[tuple[object, ...], dict[str, float]]:
    """Compare every model with ``against`` on the same images, with the metric ``paired-difference``."""
    if part.against is None:
        return {}
    text = f"paired-difference:against={quote(part.title(part.against))}"
    names = {"difference": "value", "difference_low": "low", "difference_high": "high", "p": "p"}
    return {
        _cell(row, row["model"]): {name: row[column] for name, column in names.items()}
        for row in records(metric_table(text, attrs.evolve(part, with_people=False)))
    }


def _cell(row: Mapping[str, Any], model: str) -> tuple[object, ...]:
    metric = str(row.get("metric"))
    return (row.get("dataset"), model, row.get("condition"), _COMPARED.get(metric, metric))


def rows_in_words(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Format a profile for display: numbers with their intervals, without empty columns."""
    named = [str(name) for name in table.columns if name not in {*_COLUMNS, *_OF_PEOPLE, *_AGAINST, "rank", "ranked"}]
    listed = records(table)
    several = len(set(table["suite"])) > 1
    rows = []
    for row in listed:
        words = {"suite": row["suite"]} if several else {}
        words |= {"measure": row["measure"], "model": row["model"], "value": _with_interval(row, "value")}
        words |= {"counts": row["counts"] or "", "people": _range(row)}
        words |= {heading: _number(row[name]) for heading, name in _headings(named).items()}
        words["rank"] = "" if row["rank"] is None else f"{row['rank']} of {row['ranked']}"
        if "against" in row:
            words[f"{row['against']}"] = _number(row["against_value"])
            words["difference"] = _with_interval(row, "difference", sign="+")
            words["p"] = "" if row["p"] is None else f"{row['p']:.2g}"
        rows.append(words)
    kept = [name for name in (rows[0] if rows else ()) if any(words.get(name) for words in rows)]
    return kept, [[words.get(name, "") for name in kept] for words in rows]


def _headings(models: Sequence[str]) -> dict[str, str]:
    """Shorten the names of published models to the part before a bracket, if the names stay distinct."""
    short = [model.partition(" (")[0] for model in models]
    return {name if short.count(name) == 1 else model: model for name, model in zip(short, models, strict=True)}


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _with_interval(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    value = row.get(name)
    low, high = (row.get(side if name == "value" else f"{name}_{side}") for side in ("low", "high"))
    if value is None:
        return UNDEFINED if name == "value" else ""
    return _number(value, sign) if low is None else f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def _range(row: Mapping[str, Any]) -> str:
    value, low, high = (row[name] for name in _OF_PEOPLE[:3])
    if value is None or low is None:
        return _number(value)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def sentences(table: pd.DataFrame, parts: Sequence[SuiteResults]) -> list[str]:
    """Describe the basis of the numbers: people, published models, images, and assumptions about the models."""
    said = [*_about_people(table), *_about_published(table, parts)]
    if "against" in table and len(table):
        said.append(
            f"difference: minus {table['against'].iloc[0]}, on the same images, with a paired 95 % interval; p is not "
            "corrected for the number of tests"
        )
    if parts:
        said += [*partial_sets(parts[0].combined), *caption(parts[0].combined)]
    return said


def _about_people(table: pd.DataFrame) -> Iterator[str]:
    for source in table["people_source"].dropna().unique():
        if source.endswith("observers"):
            yield f"people: mean of {source} on the same images, with the lowest and the highest of them"
        elif source.startswith("people among"):
            yield "people: each pair of people on the same images, with a 95 % interval"
        else:
            rows = table[table["people_source"] == source]
            interval = ", with a 95 % interval" if rows["people_low"].notna().any() else ""
            yield f"people: {source}{interval}; their answers to these images are not here"


def _about_published(table: pd.DataFrame, parts: Sequence[SuiteResults]) -> Iterator[str]:
    papers: dict[str, list[str]] = {}
    for part in parts:
        shown = part.suite.published_models
        for several in part.suite.references.values():
            for one in several:
                if one.model in shown and one.model not in papers.setdefault(one.paper, []):
                    papers[one.paper].append(one.model)
    for paper, models in papers.items():
        if models:
            yield f"{', '.join(models)}: {paper}, on the whole set"
    ranked = table.dropna(subset=["rank"])
    counts = dict(zip(ranked["measure"], ranked["ranked"], strict=True))
    alike = grouped((count, measure) for measure, count in counts.items())
    for count, measures in alike.items():
        of = f" of {', '.join(measures)}" if len(alike) > 1 else ""
        yield f"rank{of}: 1 is the largest of {count - 1} published values and this one"
