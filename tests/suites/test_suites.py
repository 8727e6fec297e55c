"""The numbers of suites against counts by hand, and what their studies run."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from metric_fakes import FakeAnswers

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryResults
from shapebias.study import as_conditions

BUILT_IN = ["quick", "cue-conflict", "paper:stimuli", "humans"]


def suite(text):
    return default_catalog().component("suite", text).settings


def answers(dataset, prediction, shape, texture=None, condition="clean", model="net"):
    unknown = [-1] * len(shape)
    return FakeAnswers(
        prediction,
        shape,
        shape,
        unknown if texture is None else texture,
        dataset=f"title of {dataset}",
        model=model,
        texts={"dataset": dataset, "model": model, "condition": condition},
    )


def texts(study):
    return {component.title: component.canonical for component in study.datasets}


@pytest.mark.parametrize("text", BUILT_IN)
def test_results_of_other_data_sets_are_not_in_the_headline(text):
    assert suite(text).headline(InMemoryResults([answers("folder:path=mine", [0, 1], [0, 1], [1, 0])])).empty


def test_cue_conflict_counts_hits_and_right_answers():
    cue_conflict = suite("cue-conflict")
    known = texts(cue_conflict.study("planted"))
    found = cue_conflict.headline(
        InMemoryResults(
            [
                answers(known["cue-conflict"], [0, 0, 0, 1, 2, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0]),
                answers(known["silhouettes"], [0, 1, 1, 0], [0, 1, 0, 0]),
                answers(known["edges"], [0, 1], [1, 1]),
            ]
        )
    ).set_index("measure")
    assert found.counts.to_dict() == {
        "shape bias": "3 shape, 1 texture of 5",  # the last image has no conflict
        "accuracy, edges": "1 of 2 right",
        "accuracy, silhouettes": "3 of 4 right",
    }
    assert found.value.to_dict() == {"shape bias": 0.75, "accuracy, edges": 0.5, "accuracy, silhouettes": 0.75}


def test_the_published_models_of_cue_conflict_are_those_of_geirhos_2019():
    cue_conflict = suite("cue-conflict")
    named = {one.model: one.value for one in cue_conflict.references()["shape bias"]}
    assert [named[model] for model in cue_conflict.published_models] == [0.2207, 0.2531]


def test_the_conditions_of_the_paper_are_its_grids(tmp_path):
    plain, styled = suite("paper:stimuli"), attrs.evolve(suite("paper:stimuli"), styles=tmp_path / "my, styles")
    grid = [*(f"saturate:p={p}" for p in (1, 4, 8, 16, 64, 1024)), *(f"patch-shuffle:k={k}" for k in (2, 4, 8))]
    assert plain.study("planted").conditions == as_conditions(["clean", *grid])
    (last,) = styled.study("planted").conditions[len(grid) + 1 :]
    assert last.steps[0].settings.styles == tmp_path / "my, styles"
    assert [method.name for method in plain.study("planted").saliency] == ["smoothgrad"]
    assert attrs.evolve(plain, maps=0).study("planted").saliency == ()


def test_the_paper_has_a_row_for_each_condition():
    paper = suite("paper:stimuli")
    study = paper.study("planted")
    (dataset,) = texts(study).values()
    cells = [answers(dataset, [0, 1, 1, 1], [0, 1, 0, 0], condition=each.canonical) for each in study.conditions]
    found = paper.headline(InMemoryResults(cells))
    assert found.measure.tolist() == [f"accuracy, {condition.text}" for condition in study.conditions]
    assert set(found.value) == {0.5}


def test_quick_draws_its_stimuli_as_the_settings_say():
    study = suite("quick:images=112,size=32,contrast=0.24,seed=5").study("planted", limit=8)
    cues = {dataset.title: dataset.settings for dataset in study.datasets}
    assert {title: settings.cue for title, settings in cues.items()} == {cue: cue for cue in cues}
    assert {(each.images, each.size, each.contrast, each.seed) for each in cues.values()} == {(112, 32, 0.24, 5)}
    assert study.limit == 8


@pytest.mark.parametrize(("sets", "rows"), [("sketch", "set"), ("sketch,stylized", "all")])
def test_humans_are_the_mean_over_the_sets_that_are_chosen(sets, rows):
    humans = suite(f"humans:sets={sets}")
    random = np.random.default_rng(0)
    labels = random.integers(3, size=40)
    cells = [
        answers(dataset, np.where(random.random(40) < 0.7, labels, 0), labels, model=model)
        for dataset in texts(humans.study("planted")).values()
        for model in ("net", "subject-01", "subject-02")
    ]
    found = humans.headline(InMemoryResults(cells))
    assert set(found.averaging) == {rows}
    assert set(found.model) == {"net", "people"}
    assert not found.duplicated(["measure", "model"]).any()


def test_published_values_of_humans_are_over_the_same_sets():
    every = suite("humans")
    assert len(every.human_answers) == len(every.study("planted").datasets) == 17
    assert {one.dataset for values in every.references().values() for one in values} == {"model-vs-human, 17 sets"}
    assert {one.dataset for values in suite("humans:sets=sketch").references().values() for one in values} == {"sketch"}
    assert suite("humans:sets=sketch,stylized").references() == {}
