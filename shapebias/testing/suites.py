"""Rules of suites, tried on artificial answers to the images of their study: two models and two people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryMaps, InMemoryResults
from shapebias.plugins.tables import HEADLINE_COLUMNS
from shapebias.published.references import Reference
from shapebias.study import Study
from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import CLASSES, Subject

__all__ = ["RULES"]

RULES: Rules[Subject] = Rules()
_MODELS = {"first": "planted:reliance=0", "second": "planted:reliance=1"}
_PEOPLE = ("subject-01", "subject-02")
_IMAGES = 24
_CLASSES = tuple("abcdefgh"[:CLASSES])


def study_of(subject: Subject, limit: int | None = None) -> Study:
    """Return the suite's study of two models."""
    found = subject.loaded.study(_MODELS, limit=limit)
    if not isinstance(found, Study):
        raise BrokenRuleError(f"returned a {type(found).__name__}, not a shapebias.Study")
    return found


def results_of(subject: Subject) -> InMemoryResults:
    """Make artificial answers for every cell of the study, and people's answers if the suite has some."""
    random = np.random.default_rng(0)
    ids = tuple(f"{index:03d}.png" for index in range(_IMAGES))
    shapes = random.integers(CLASSES, size=_IMAGES)
    textures = (shapes + random.integers(1, CLASSES, size=_IMAGES)) % CLASSES
    people = _PEOPLE if subject.loaded.human_answers else ()
    answers, maps = [], []
    for cell in study_of(subject).cells():
        names: Any = {"dataset": cell.dataset.canonical, "condition": cell.condition.canonical, "ids": ids}
        if cell.kind == "saliency" and cell.saliency is not None:
            drawn = random.random((_IMAGES, 16, 20), dtype=np.float32)
            maps.append(InMemoryMaps(drawn, **names, model=cell.model.title, saliency=cell.saliency.title))
        elif cell.kind == "prediction":
            labels: Any = {"labels": shapes, "shape_labels": shapes, "texture_labels": textures, "classes": _CLASSES}
            for model in (cell.model.title, *(people if cell.model.title == "first" else ())):
                logits = random.normal(size=(_IMAGES, CLASSES)).astype(np.float32)
                answers.append(InMemoryAnswers(logits.argmax(axis=1), **labels, **names, model=model, logits=logits))
    return InMemoryResults(answers, maps)


def headline_of(subject: Subject, results: InMemoryResults) -> pd.DataFrame:
    """Compute the headline."""
    found = subject.loaded.headline(results)
    if not isinstance(found, pd.DataFrame):
        raise BrokenRuleError(f"returned a {type(found).__name__}, not a pandas DataFrame")
    return found


@RULES("its study has the models it is given", "a profile shows the models and the number of images of the user")
def _takes_models(subject: Subject) -> None:
    titles = [model.title for model in study_of(subject).models]
    require(titles == [*_MODELS], f"the study has the models {titles}, not {[*_MODELS]}")
    require(study_of(subject, limit=3).limit == 3, "study(models, limit=3) has another limit")
    require(study_of(subject) == study_of(subject), "a second call returns another study: no run could be continued")


@RULES(
    "has a headline row for each model", f"the table of a profile has {', '.join(HEADLINE_COLUMNS)}, one row a measure"
)
def _has_rows(subject: Subject) -> None:
    for what, results in {"results": results_of(subject), "no results": InMemoryResults()}.items():
        missing = [name for name in HEADLINE_COLUMNS if name not in headline_of(subject, results).columns]
        require(not missing, f"{what}: no column {', '.join(missing)}")
    table = headline_of(subject, results_of(subject))
    without = [model for model in _MODELS if model not in set(table["model"])]
    require(not without, f"no row for {', '.join(without)}")
    repeated = table[table.duplicated(["measure", "model"])]
    require(repeated.empty, f"more than one row:\n{repeated[['measure', 'model']].head(3).to_string(index=False)}")


@RULES("has an interval around each value, and n", "a number without its uncertainty and count cannot be compared")
def _has_intervals(subject: Subject) -> None:
    table = headline_of(subject, results_of(subject)).astype({"value": float, "low": float, "high": float, "n": float})
    known = table.dropna(subset=["value", "low", "high"])
    outside = known[(known.low > known.value + 1e-9) | (known.high < known.value - 1e-9)]
    require(outside.empty, f"values outside of their intervals:\n{outside.head(3).to_string(index=False)}")
    require((table.n >= 0).all(), "n is negative or missing")


@RULES("does not depend on the order of images", "a run that was continued has its images in another order")
def _independent_of_order(subject: Subject) -> None:
    results = results_of(subject)
    try:
        pd.testing.assert_frame_equal(headline_of(subject, results), headline_of(subject, results.shuffled(1)))
    except AssertionError as error:
        raise BrokenRuleError(f"another order, another table: {error}") from error


@RULES("its published values belong to its measures", "a value must not be compared with another measure")
def _references_fit(subject: Subject) -> None:
    found = subject.loaded.references()
    require(isinstance(found, Mapping), f"references() returned a {type(found).__name__}, not a mapping")
    unknown = sorted(set(found) - set(headline_of(subject, results_of(subject))["measure"]))
    require(not unknown, f"published values of {', '.join(unknown)}, which the headline does not have")
    values = [one for several in found.values() for one in several]
    wrong = [one for one in values if not isinstance(one, Reference)]
    require(not wrong, f"{wrong[:1]} is not a shapebias.plugin.Reference")
    absent = sorted(set(subject.loaded.published_models) - {one.model for one in values})
    require(not absent, f"published_models has {', '.join(absent)}, of which no value is given")
