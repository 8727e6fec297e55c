"""The rules of metrics, checked on artificial results: two models, conditions, several eps, maps and probes."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import attrs
import numpy as np
import pandas as pd

from shapebias.plugins.in_memory import InMemoryAnswers, InMemoryMaps, InMemoryResults, InMemoryValues
from shapebias.plugins.tables import METRIC_COLUMNS
from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import CLASSES, Subject

__all__ = ["RULES", "made_up_results"]

RULES: Rules[Subject] = Rules()
_IMAGES = 24
_DESTROYED = {"saturate:p=8": ("texture",), "patch-shuffle:k=4": ("shape",)}
_CLASSES = tuple("abcdefgh"[:CLASSES])
_CONDITIONS = (("clean", None), *((name, None) for name in _DESTROYED), ("pgd", 1 / 255), ("pgd", 2 / 255))


def made_up_results(seed: int = 0) -> InMemoryResults:
    """Make results of two models on images with a conflict between shape and texture."""
    random = np.random.default_rng(seed)
    ids = tuple(f"{index:03d}.png" for index in range(_IMAGES))
    shapes = random.integers(CLASSES, size=_IMAGES)
    textures = (shapes + random.integers(1, CLASSES, size=_IMAGES)) % CLASSES
    masks = np.zeros((_IMAGES, 16, 20), dtype=bool)
    masks[:, 4:12, 5:15] = True
    answers, maps, values = [], [], []
    for model, (condition, eps) in itertools.product(("first", "second"), _CONDITIONS):
        destroys = _DESTROYED.get(condition, ())
        cell: Any = {"dataset": "pictures", "model": model, "condition": condition, "eps": eps, "ids": ids}
        logits = random.normal(size=(_IMAGES, CLASSES)).astype(np.float32)
        logits[np.arange(_IMAGES), shapes] += 1
        logits[np.arange(_IMAGES), textures] += 0.5
        labels: Any = {"labels": shapes, "shape_labels": shapes, "texture_labels": textures}
        answers.append(
            InMemoryAnswers(logits.argmax(axis=1), **labels, **cell, classes=_CLASSES, logits=logits, destroys=destroys)
        )
        for method in ("gradient", "random"):
            drawn = random.random((_IMAGES, 16, 20), dtype=np.float32)
            moved = "shape" in destroys
            maps.append(
                InMemoryMaps(drawn, **cell, masks=None if moved else masks, saliency=method, moves_pixels=moved)
            )
            for probe in ("insertion", "deletion"):
                curve = np.sort(random.random((_IMAGES, 6), dtype=np.float32), axis=1)
                measured = {"auc": curve.mean(axis=1), "curve": curve}
                values.append(InMemoryValues(measured, **cell, saliency=method, probe=probe))
    return InMemoryResults(answers, maps, values, seed=seed)


@functools.lru_cache(maxsize=2)
def _usual_table(subject: Subject) -> pd.DataFrame:
    """Compute the table of the metric once, for all rules that only read it."""
    return compute(subject, made_up_results())


def compute(subject: Subject, results: InMemoryResults) -> pd.DataFrame:
    """Compute the metric."""
    table = subject.loaded(results)
    if not isinstance(table, pd.DataFrame):
        raise BrokenRuleError(f"returned a {type(table).__name__}, not a pandas DataFrame")
    return table


@RULES("returns a tidy table", f"the tables of all metrics can be joined; each has {', '.join(METRIC_COLUMNS)}")
def _is_tidy(subject: Subject) -> None:
    tables = {"results": _usual_table(subject), "no results": compute(subject, InMemoryResults())}
    for what, table in tables.items():
        missing = [name for name in METRIC_COLUMNS if name not in table.columns]
        require(not missing, f"{what}: no column {', '.join(missing)}")


@RULES("has an interval around each value, and n", "a number without its uncertainty and count cannot be compared")
def _has_intervals(subject: Subject) -> None:
    table = _usual_table(subject).astype({"value": float, "low": float, "high": float, "n": float})
    known = table.dropna(subset=["value", "low", "high"])
    outside = known[(known.low > known.value + 1e-9) | (known.high < known.value - 1e-9)]
    require(outside.empty, f"values outside their intervals:\n{outside.head(3).to_string(index=False)}")
    require((table.n >= 0).all(), "n is negative or missing")
    require(known.method.astype(bool).all(), "an interval without the name of its method")


@RULES(
    "does not depend on the order of images", "images are paired by id: stores are merged and shards come in any order"
)
def _independent_of_order(subject: Subject) -> None:
    first, second = _usual_table(subject), compute(subject, made_up_results().shuffled(1))
    try:
        pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=1e-6)
    except AssertionError as error:
        raise BrokenRuleError(f"another order, another table: {error}") from error


@RULES("is a pure function", "anyone can compute a table again from the same file")
def _is_pure(subject: Subject) -> None:
    results = made_up_results()
    cells = [*results.answers(), *results.maps(), *results.values()]
    before = [{name: np.copy(value) for name, value in attrs.asdict(cell).items()} for cell in cells]
    first, second = compute(subject, results), compute(subject, results)
    require(first.equals(second), "two calls give two tables")
    for cell, was in zip(cells, before, strict=True):
        for name, value in attrs.asdict(cell).items():
            require(np.array_equal(np.asarray(value), was[name]), f"{name} of the results was changed")
