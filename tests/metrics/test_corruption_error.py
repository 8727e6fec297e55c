"""CE and mCE against the formula of the paper in a loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from metric_fakes import FakeAnswers

from shapebias.errors import DataError
from shapebias.metrics.corruption_error import CorruptionError
from shapebias.plugins.in_memory import InMemoryResults


def cell(model, kind, severity, accuracy, n=50, ids=None):
    rng = np.random.default_rng([severity, len(kind), round(100 * accuracy)])
    right = rng.random(n) < accuracy
    condition = f"corrupt:kind={kind},severity={severity}"
    return FakeAnswers(
        np.where(right, 0, 1), np.zeros(n), model=model, condition=condition, **({"ids": ids} if ids else {})
    )


def study():
    return [
        cell(model, kind, severity, level - severity / 20)
        for model, level in (("alexnet", 0.6), ("robust", 0.9))
        for kind in ("fog", "noise", "blur")
        for severity in (1, 2, 3)
    ]


def error(results, model, kind, severity):
    condition = f"corrupt:kind={kind},severity={severity}"
    (found,) = [one for one in results if (one.model, one.condition) == (model, condition)]
    return (found.prediction != found.labels).mean()


def test_ce_and_mce_are_those_of_the_paper():
    answers = study()
    table = CorruptionError()(InMemoryResults(answers))
    rows = table[table["model"] == "robust"].set_index("condition")
    expected = {}
    for kind in ("fog", "noise", "blur"):
        sums = [sum(error(answers, model, kind, severity) for severity in (1, 2, 3)) for model in ("robust", "alexnet")]
        expected[kind] = sums[0] / sums[1]
        row = rows.loc[f"corrupt:kind={kind},severity=*"]
        assert row["value"] == pytest.approx(expected[kind])
        assert row["error"] == pytest.approx(sums[0] / 3)
        assert (row["n"], row["severities"], row["against"]) == (50, 3, "alexnet")
        assert row["low"] < row["value"] < row["high"]
    mce = rows.loc["3 corruptions"]
    assert (mce["metric"], mce["value"]) == ("mce", pytest.approx(np.mean(list(expected.values()))))


def test_the_baseline_has_the_value_1():
    table = CorruptionError(against="robust")(InMemoryResults(study()))
    own = table[table["model"] == "robust"]
    assert own[["value", "low", "high"]].to_numpy() == pytest.approx(1)
    assert (table[table["model"] == "alexnet"]["value"] > 1).all()


def test_common_severities_and_common_images_count():
    answers = study()[:9]
    fewer = cell("robust", "fog", 2, 0.8, n=3, ids=["0001.png", "0002.png", "elsewhere.png"])
    table = CorruptionError()(InMemoryResults([*answers, fewer])).set_index(["model", "metric"]).sort_index()
    assert table.loc[[("robust", "corruption-error")], "n"].item() == 2


def test_a_baseline_without_errors_has_no_ratio():
    perfect = [cell("one", "fog", 1, 2.0), cell("two", "fog", 1, 0.5)]
    table = CorruptionError()(InMemoryResults(perfect)).set_index(["model", "metric"]).sort_index()
    assert np.isnan(table.loc[("two", "corruption-error"), "value"])


def test_order_nothing_and_an_unknown_baseline():
    results = InMemoryResults(study())
    pd.testing.assert_frame_equal(CorruptionError()(results), CorruptionError()(results.shuffled(3)))
    empty = CorruptionError()(InMemoryResults([FakeAnswers([0], [0])]))
    assert empty.empty
    assert "severity" in empty.attrs["note"]
    with pytest.raises(DataError, match="against='vgg' is not a model"):
        CorruptionError(against="vgg")(results)
