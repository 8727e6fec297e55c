"""The page's charts beside people, against counts of the answers, and published conditions that are not spellings."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

import shapebias as sb
from shapebias.interop import import_decisions
from shapebias.metrics.human_consistency import protocol_kappa
from shapebias.reporting.chart_data import ChartData
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.page import report

CONDITIONS = ("2-10-10", "1-10-10", "64-10-10")  # of eidolonI, whose first and last do not count
WHO = ("subject-01", "subject-02", "net")


@pytest.fixture(scope="module")
def answers():
    """Right or wrong, by observer and condition."""
    random = np.random.default_rng(1)
    return {(who, condition): random.random(12) < 0.6 for who in WHO for condition in CONDITIONS}


@pytest.fixture(scope="module")
def opened(answers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    head = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
    for who in WHO:
        with (folder / f"eidolonI_{who}_session_1.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(head)
            for condition in CONDITIONS:
                for trial, right in enumerate(answers[who, condition]):
                    said = "cat" if right else "dog"
                    name = f"{trial:04d}_eid_dnn_{condition}_cat_10_n{trial}.png"
                    table.writerow((who, 1, trial, 0.5, said, "cat", condition, name))
    import_decisions([folder], folder / "run.h5")
    with sb.open(folder / "run.h5") as results:
        yield results


def test_each_condition_has_the_share_of_right_answers_in_the_order_of_strength(opened, answers):
    results = CombinedResults([opened])
    (chart,) = json.loads(json.dumps(ChartData(results).as_json()["strengths"], allow_nan=False))
    assert chart["dataset"] == "eidolonI"
    order = {row["x"]: row["label"] for row in chart["rows"]}
    assert [order[at] for at in sorted(order)] == ["1-10-10", "2-10-10", "64-10-10"]
    for row in chart["rows"]:
        right = answers[results.models[row["model"]], row["label"]]
        assert row["value"] == pytest.approx(right.mean())
        assert ("not in the means" in row["note"]) == (row["label"] != "2-10-10")
    assert len(chart["rows"]) == len(answers)


def test_kappa_is_that_of_the_counted_condition_and_people_come_last(opened, answers):
    (chart,) = ChartData(CombinedResults([opened])).as_json()["kappas"]
    assert chart["models"] == ["net", "people"]

    def kappa(one, other):
        first, second = (answers[who, "2-10-10"].astype(int) for who in (one, other))
        return float(protocol_kappa(np.bincount(2 * first + second, minlength=4)))

    value = {row["name"]: row["value"] for row in chart["rows"]}
    assert value["people"] == pytest.approx(kappa(*WHO[:2]))
    assert value["net"] == pytest.approx(np.mean([kappa("net", person) for person in WHO[:2]]))


def test_the_page_shows_published_conditions_that_are_no_spelling(opened, tmp_path):
    text = report(opened, tmp_path / "page.html").read_text(encoding="utf-8")
    charts = re.findall(r'data-chart="(\w+)"', text)
    assert {"strengths", "kappas"} <= {*charts}


def test_without_people_there_are_no_such_charts(tmp_path):
    with sb.run(sb.Study("stimuli:images=8,size=32", {"net": "cnn:num_classes=8,width=2"}), tmp_path / "run.h5") as one:
        data = ChartData(CombinedResults([one])).as_json()
    assert data["strengths"] == data["kappas"] == []
