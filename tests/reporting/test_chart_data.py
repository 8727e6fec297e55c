"""The data of the charts, against counts of the stored answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

import shapebias
from shapebias.published.references import references
from shapebias.reporting.chart_data import ChartData
from shapebias.reporting.combined import CombinedResults


@pytest.fixture
def data(results):
    # As JSON, which has no NaN, a page has it.
    return json.loads(json.dumps(ChartData(results).as_json(), allow_nan=False))


def answers(results, condition="clean", eps=None):
    return {view.model: view for view in results.answers() if (view.condition, view.eps) == (condition, eps)}


def test_the_shape_bias_is_that_of_the_counted_decisions(data, results):
    (clean,) = (block for block in data["bias"] if block["condition"] == "clean")
    assert data["bias"][0] is clean
    micro = [row for row in clean["rows"] if row["averaging"] == "micro"]
    for row in micro:
        view = answers(results)[results.models[row["model"]]]
        shape, texture = ((view.prediction == labels).sum() for labels in (view.shape_labels, view.texture_labels))
        assert row["n"] == shape + texture
        assert row["value"] == pytest.approx(shape / (shape + texture))
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n_conflict"] == (view.shape_labels != view.texture_labels).sum()
    assert [row["model"] for row in micro] == [0, 1]


def test_the_decisions_of_the_classes_add_up_to_those_of_all_images(data):
    for block in data["bias"]:
        for model in (0, 1):
            mine = [row for row in block["rows"] if row["model"] == model]
            (total,) = (row["n"] for row in mine if row["averaging"] == "micro")
            assert sum(row["n"] for row in mine if row["averaging"] == "class") == total
            assert {row["class"] for row in mine if row["averaging"] == "class"} == {*block["classes"]}


def test_a_value_without_a_decision_is_none(tmp_path):
    study = shapebias.Study("stimuli:cue=conflict,images=8,size=32", {"net": "cnn:num_classes=8,width=4"})
    with shapebias.run(study, tmp_path / "run.h5") as opened:
        results = CombinedResults([opened])
        (block,) = ChartData(results).as_json()["bias"]
    undecided = [row for row in block["rows"] if row["n"] == 0]
    assert undecided
    assert all(row["value"] is None for row in undecided)


def test_a_sweep_has_each_value_as_a_number_and_the_clean_images(data, results):
    (sweep,) = (each for each in data["sweeps"] if each["parameter"] == "p")
    assert (sweep["unchanged"], sweep["logarithmic"], sweep["attack"]) == (2, True, False)
    for row in sweep["rows"]:
        condition = "clean" if row["at"] is None else f"saturate:p={row['at']:.0f}"
        view = answers(results, condition)[results.models[row["model"]]]
        assert row["value"] == pytest.approx((view.prediction == view.labels).mean())
    assert sorted({row["at"] for row in sweep["rows"]} - {None}) == [8, 64]


def test_under_an_attack_an_image_counts_as_wrong_once_a_smaller_eps_was_enough(data, results):
    (sweep,) = (each for each in data["sweeps"] if each["attack"])
    assert (sweep["parameter"], sweep["unchanged"], sweep["measure"]) == ("eps", 0, "robust accuracy")
    for model, name in enumerate(results.models):
        right = answers(results)[name].prediction == answers(results)[name].labels
        for eps in (1 / 255, 2 / 255):
            (view,) = (view for view in results.answers() if view.model == name and view.eps == pytest.approx(eps))
            right = right & (view.prediction == view.labels)
            (row,) = (
                row for row in sweep["rows"] if row["model"] == model and row["at"] and abs(row["at"] - eps) < 1e-6
            )
            assert row["value"] == pytest.approx(right.mean())


def test_conditions_are_sorted_by_their_numbers_after_the_clean_images(data):
    (accuracy,) = data["accuracy"]
    titles = list(dict.fromkeys(row["title"] for row in accuracy["rows"]))
    assert titles == [
        "clean", "patch-shuffle:k=2", "pgd, eps=1/255", "pgd, eps=2/255", "saturate:p=8", "saturate:p=64",
    ]  # fmt: skip


def test_kappa_is_undefined_where_a_model_makes_no_error(tmp_path):
    models = {"shape": "planted:reliance=1", "both": "planted:reliance=0.5"}
    study = shapebias.Study("stimuli:cue=conflict,images=16,size=64", models)
    with shapebias.run(study, tmp_path / "run.h5") as opened:
        results = CombinedResults([opened])
        right = [(view.prediction == view.labels).mean() for view in results.answers()]
        ((row,),) = (block["rows"] for block in ChartData(results).as_json()["consistency"])
    assert row["value"] is row["low"] is row["high"] is None
    assert right[0] == 1
    assert 0 < right[1] == row["observed"] < 1


def test_published_values_are_those_of_the_data_set_with_people_as_one(data, results, monkeypatch):
    assert not any(block["published"] for block in data["bias"])
    chart = ChartData(results)
    monkeypatch.setattr(chart, "_texts", {"conflict": "cue-conflict:path=stimuli"})
    published = chart.as_json()["bias"][0]["published"]
    known = [one for one in references("shape-bias") if one.dataset == "cue-conflict" and not np.isnan(one.value)]
    assert len(published) == sum(not one.is_human for one in known) + 1
    assert [one["model"] for one in published if one["human"]] == ["people"]
    json.dumps(published, allow_nan=False)


def test_published_accuracies_are_beside_the_clean_images_of_imagenet(data, results, monkeypatch):
    assert not any(block["published"] for block in data["accuracy"])
    chart = ChartData(results)
    monkeypatch.setattr(chart, "_texts", {"conflict": "imagenet-val:path=val,size=none"})
    (block,) = chart.as_json()["accuracy"]
    known = {one.model: one.value for one in references("accuracy")}
    assert {one["model"]: one["value"] for one in block["published"]} == known
    assert block["rows"][0]["title"] == "clean"  # whose row they are drawn in
