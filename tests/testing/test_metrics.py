from __future__ import annotations

import pandas as pd
import pytest

COLUMNS = ["dataset", "model", "condition", "metric", "value", "low", "high", "n", "method"]


def table(results, value=None, method="bounds"):
    rows = [
        (
            *(cell.dataset, cell.model, cell.condition, "mean"),
            *(float(cell.prediction.mean()) if value is None else value, 0.0, 4.0, len(cell.ids), method),
        )
        for cell in results.answers()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def spoil(results):
    for cell in results.answers():
        cell.prediction[0] = 3
    return table(results)


def of_the_first_image(results):
    return table(results, float(results.answers()[0].prediction[0])) if results.answers() else table(results)


BROKEN = [
    ("returns a tidy table", lambda results: table(results).drop(columns="n")),
    ("returns a tidy table", lambda results: table(results).to_dict()),
    ("has an interval around each value, and n", lambda results: table(results, 5.0)),
    ("has an interval around each value, and n", lambda results: table(results, method="")),
    ("does not depend on the order of images", of_the_first_image),
    ("is a pure function", spoil),
]


@pytest.mark.parametrize(("rule", "compute"), BROKEN)
def test_each_rule_finds_who_breaks_it(failures, plugin, rule, compute):
    assert rule in failures("metric", plugin(lambda _self, results: compute(results)))


def test_a_metric_that_breaks_no_rule(failures, plugin):
    assert failures("metric", plugin(lambda _self, results: table(results))) == {}
