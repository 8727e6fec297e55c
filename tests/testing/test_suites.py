"""Suites that break a rule are found."""

from __future__ import annotations

import attrs
import pandas as pd
import pytest

import shapebias as sb
from shapebias import plugin


@attrs.frozen
class Good:
    """A suite that keeps to the contract."""

    human_answers = ()
    published_models = ("resnet50",)

    def study(self, models, limit=None):
        return sb.Study("stimuli", models, limit=limit)

    def headline(self, results):
        rows = []
        for cell in results.answers():
            right = plugin.correctness(cell)
            rows.append(
                plugin.record(cell, "accuracy", plugin.wilson(int(right.sum()), len(right)), measure="accuracy")
            )
        return plugin.table(rows, "measure")

    def references(self):
        return {"accuracy": [plugin.Reference("accuracy", "resnet50", 0.5, 0.4, 0.6, 9, "stimuli", "Me 2026", "here")]}


def test_a_suite_that_keeps_to_the_contract_passes(failures):
    assert failures("suite", Good) == {}


def changed(name, function):
    members = {key: value for key, value in vars(Good).items() if not key.startswith("__") or key == "__doc__"}
    return attrs.frozen(type("Changed", (), {**members, name: function, "__module__": __name__}))


@pytest.mark.parametrize(
    ("name", "function", "rule"),
    [
        ("study", lambda self, models, limit=None: sb.Study("stimuli", "planted"), "has the models it is given"),
        ("study", lambda self, models, limit=None: sb.Study("stimuli", models), "has the models it is given"),
        ("headline", lambda self, results: pd.DataFrame({"measure": []}), "a headline row for each model"),
        (
            "headline",
            lambda self, results: pd.concat([Good.headline(self, results)] * 2, ignore_index=True),
            "a headline row for each model",
        ),
        (
            "headline",
            lambda self, results: Good.headline(self, results).assign(low=2.0),
            "an interval around each value, and n",
        ),
        (
            "headline",
            lambda self, results: Good.headline(self, results).assign(
                value=[float(cell.prediction[0]) for cell in results.answers()], low=float("nan")
            ),
            "does not depend on the order of images",
        ),
        ("references", lambda self: {"speed": Good.references(self)["accuracy"]}, "belong to its measures"),
        ("references", lambda self: {"accuracy": [0.5]}, "belong to its measures"),
        ("references", lambda self: {}, "belong to its measures"),
    ],
)
def test_a_broken_rule_is_named(failures, name, function, rule):
    broken = failures("suite", changed(name, function))
    assert any(rule in each for each in broken), broken
