"""Metrics and suites that fail: named, and the tables of the others are the same."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from amounts import amount
from faults import RAISED

import shapebias as sb
from shapebias.errors import PluginError
from shapebias.plugin import SuiteSpec
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.tables import metric_table
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.metric_tables import metric_tables

STIMULI = "stimuli:cue=conflict,images=8,size=32"
MODEL = "planted:reliance=1"
QUICK = "quick:images=56"


def writes_to_answers(results):
    results.answers()[0].prediction[:] = 0


def empties_the_list_of_answers(results):
    results.answers().clear()
    raise ZeroDivisionError


def makes_numpy_raise(_results):
    np.seterr(all="raise")
    raise ZeroDivisionError


TABLES = {
    "returns nothing": lambda _results: None,
    "returns text": lambda _results: "0.5",
    "returns other columns": lambda _results: pd.DataFrame({"score": [1.0]}),
    "writes to answers": writes_to_answers,
    "empties the list of answers": empties_the_list_of_answers,
    "makes NumPy raise": makes_numpy_raise,
}
FAULTS = {name: lambda _results, commit=commit: commit() for name, commit in RAISED.items()} | TABLES


@attrs.frozen
class BadMetric:
    """Settings of a metric."""

    fault: str

    def __call__(self, results):
        return FAULTS[self.fault](results)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = sb.Study(STIMULI, ["planted:reliance=0", MODEL], ["clean", "grayscale"])
    with sb.run(study, tmp_path_factory.mktemp("tables") / "run.h5", device="cpu") as found:
        yield found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_metric_that_fails_is_named_and_the_others_have_the_same_tables(results, fault):
    combined = CombinedResults([results])
    before, modes = metric_table("shape-bias", combined), np.geterr()
    with pytest.raises(PluginError, match="metric BadMetric "):
        results.metric(BadMetric(fault))
    with pytest.raises(PluginError, match="metric culprit "):
        metric_table(BadMetric(fault), combined, "culprit")
    assert np.geterr() == modes
    for found in (results, combined):
        pd.testing.assert_frame_equal(metric_table("shape-bias", found), before)


PLUGIN = """
import attrs
from shapebias import plugin

@attrs.frozen
class Culprit:
    def __call__(self, results):
        raise SystemExit(3)

@plugin.hookimpl
def shapebias_metrics():
    yield plugin.MetricSpec("culprit", Culprit)
"""


def test_a_page_says_which_metric_failed_and_has_the_others(results, tmp_path, monkeypatch):
    (tmp_path / "bad.py").write_text(PLUGIN)
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", str(tmp_path))
    default_catalog.cache_clear()
    try:
        tables, failed = metric_tables(CombinedResults([results]))
    finally:
        default_catalog.cache_clear()
    assert [line for line in failed if "culprit" in line] == failed
    assert "raised SystemExit" in failed[0]
    assert {"accuracy", "shape-bias"} <= {table.name for table in tables}


@attrs.frozen
class BadSuite:
    """Settings of a suite that commits a fault at one stage."""

    fault: str
    stage: str

    def commit(self, stage):
        if stage == self.stage:
            RAISED[self.fault]()

    def study(self, models, limit=None):
        self.commit("study")
        return "a study" if self.fault == "returns text" else sb.Study(STIMULI, models, limit=limit)

    @property
    def human_answers(self):
        self.commit("human_answers")
        return ()

    @property
    def published_models(self):
        self.commit("published_models")
        return ()

    def references(self):
        self.commit("references")
        return {}

    def headline(self, results):
        self.commit("headline")
        return TABLES[self.fault](results)


def suite(fault, stage):
    return Component(SuiteSpec("culprit", BadSuite), BadSuite(fault, stage))


EARLY = [(fault, stage) for stage in ("study", "human_answers", "published_models", "references") for fault in RAISED]


@pytest.mark.parametrize(("fault", "stage"), [("returns text", ""), *EARLY][:: amount(4, 1)])
def test_a_suite_without_a_study_is_named_before_anything_is_computed(tmp_path, fault, stage):
    with pytest.raises(PluginError, match="suite culprit:"):
        sb.profile(MODEL, [suite(fault, stage), QUICK], output=tmp_path / "run.h5", limit=4)
    assert not [*tmp_path.iterdir()]


LATE = [*((fault, "headline") for fault in RAISED), *((fault, "") for fault in TABLES if fault != "returns text")]


@pytest.mark.parametrize(("fault", "stage"), LATE[:: amount(6, 1)])
def test_a_suite_without_numbers_is_named_and_the_others_are_shown(alone, fault, stage):
    found = sb.profile(MODEL, [suite(fault, stage), QUICK], limit=4)
    assert [*found.failed_suites] == [suite(fault, stage).text]
    assert "suite culprit:" in found.failed_suites[suite(fault, stage).text]
    pd.testing.assert_frame_equal(found.table, alone)


@pytest.fixture(scope="module")
def alone():
    return sb.profile(MODEL, QUICK, limit=4).table


def test_a_profile_of_one_suite_that_fails_is_an_error():
    with pytest.raises(PluginError, match=r"suite culprit:.*ZeroDivisionError"):
        sb.profile(MODEL, suite("raises", "headline"), limit=4)
