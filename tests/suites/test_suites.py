"""The numbers of suites against counts by hand, and what their studies run."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from metric_fakes import FakeAnswers

from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.in_memory import InMemoryResults
from shapebias.study import as_conditions

BUILT_IN = [
    "quick",
    "cue-conflict",
    "paper:stimuli",
    "humans",
    "reliance:stimuli",
    "critical-band",
    "configural",
    "cue-sensitivity",
    "cue-sensitivity:folder",
]


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


def test_humans_say_how_many_sets_have_answers_of_people():
    humans = suite("humans:sets=sketch,stylized,edge")
    sketch, stylized, edge = texts(humans.study("planted")).values()
    cells = [answers(sketch, [0, 1], [0, 0], model=model) for model in ("net", "subject-01")]
    cells.append(answers(edge, [0, 1], [0, 0]))
    assert set(humans.headline(InMemoryResults(cells)).counts) == {"2 images, 1 of 3 sets"}
    more = [(stylized, "net"), (stylized, "subject-01"), (edge, "subject-01")]
    cells += [answers(dataset, [0, 1], [0, 0], model=model) for dataset, model in more]
    assert set(humans.headline(InMemoryResults(cells)).counts) == {"6 images"}


def test_published_values_of_humans_are_over_the_same_sets():
    every = suite("humans")
    assert len(every.human_answers) == len(every.study("planted").datasets) == 17
    assert {one.dataset for values in every.references().values() for one in values} == {"model-vs-human, 17 sets"}
    assert {one.dataset for values in suite("humans:sets=sketch").references().values() for one in values} == {"sketch"}
    assert suite("humans:sets=sketch,stylized").references() == {}


def test_reliance_has_the_published_strengths():
    study = suite("reliance:stimuli").study("planted")
    assert study.aggregate == "sum"
    assert len(study.conditions) == 1 + 60 + 1  # clean, the sweep, and patch-shuffle 3 of the test
    filters = [one.steps[0].settings for one in study.conditions if one.text.startswith("bilateral")]
    smooth = {(one.d, round(255 * one.sigma_colour), one.sigma_space) for one in filters}
    assert smooth == {(4, 50, 75), (6, 80, 75), (8, 110, 75), (10, 140, 75), (12, 170, 75), (14, 200, 75)}
    blurs = [one.steps[0].settings for one in study.conditions if one.text.startswith("blur")]
    kernels = {(3, 0.33), (5, 0.66), (7, 1), (9, 1.33), (11, 1.66), (13, 2), (15, 2.33)}
    assert {(one.k, one.sigma) for one in blurs} == kernels
    assert len(suite("reliance:stimuli,part=test").study("planted").conditions) == 5


def test_reliance_is_the_mean_over_the_strengths_relative_to_clean():
    reliance = suite("reliance:stimuli,part=sweep")
    study = reliance.study("planted")
    (dataset,) = texts(study).values()
    right = {"clean": 8, **{f"patch-shuffle:k={k}": count for k, count in zip(range(2, 17, 2), range(8), strict=True)}}
    cells = [
        answers(dataset, [0] * count + [1] * (8 - count), [0] * 8, condition=one.canonical)
        for one in study.conditions
        if (count := right.get(one.canonical)) is not None
    ]
    (row,) = reliance.headline(InMemoryResults(cells)).to_dict("records")
    assert (row["measure"], row["n"]) == ("relative accuracy, patch-shuffle", 8)
    assert row["value"] == pytest.approx(sum(range(8)) / 64)
    assert row["low"] < row["value"] < row["high"]


def test_the_test_of_reliance_asks_for_a_probability_above_a_half():
    reliance = suite("reliance:stimuli,part=test")
    study = reliance.study("planted")
    (dataset,) = texts(study).values()
    sure, unsure = np.log([[0.6, 0.3, 0.1]]), np.log([[0.4, 0.3, 0.3]])
    cells = []
    for condition in study.conditions:
        scores = np.repeat(unsure if condition.text == "grayscale" else sure, 4, axis=0)
        cell = answers(dataset, [0] * 4, [0] * 4, condition=condition.canonical)
        cells.append(attrs.evolve(cell, logits=scores))
    found = reliance.headline(InMemoryResults(cells)).set_index("measure").value
    assert found.to_dict() == {
        "relative accuracy, p > 0.5, global shape (patch-shuffle 3)": 1,
        "relative accuracy, p > 0.5, local shape (patch-shuffle 6)": 1,
        "relative accuracy, p > 0.5, texture (bilateral)": 1,
        "relative accuracy, p > 0.5, colour (grayscale)": 0,
    }


def test_the_test_of_reliance_lies_beside_people_and_networks():
    published = suite("reliance:stimuli").references()
    values = {measure: {one.model: one.value for one in found} for measure, found in published.items()}
    local = values["relative accuracy, p > 0.5, local shape (patch-shuffle 6)"]
    assert [local[name] for name in ("people", "resnet50 (standard)", "CLIP ViT")] == [0.763, 0.276, 0.758]
    texture = values["relative accuracy, p > 0.5, texture (bilateral)"]
    assert [texture[name] for name in ("people", "resnet50 (standard)")] == [0.979, 0.795]
    assert {*suite("reliance:stimuli").published_models} <= {*local}
    assert suite("reliance:stimuli,part=sweep").references() == {}
    assert suite("reliance:stimuli,part=sweep").published_models == ()


def test_configural_takes_the_largest_logit_and_counts_pairs():
    configural = suite("configural")
    study = configural.study("planted")
    assert study.aggregate == "max"
    (dataset,) = texts(study).values()
    ids = [f"{pair:03d}_transform_bear_cat_object{place}_bear.png" for pair in range(2) for place in range(2)]
    cell = attrs.evolve(answers(dataset, [0, 0, 0, 1], [0] * 4), ids=ids, classes=tuple("abcdefghi"))
    (row,) = configural.headline(InMemoryResults([cell])).to_dict("records")
    assert (row["measure"], row["value"]) == ("configural shape score", 0.5)
    assert row["counts"] == "2 pairs, chance 0.012; 0.750 of the images right"
    named = {one.model: one.value for one in configural.references()["configural shape score"]}
    assert (named["resnet50"], named["people"]) == (0.167, 0.896)


def test_critical_band_says_why_there_is_no_channel():
    band = suite("critical-band")
    (dataset,) = texts(band.study("planted")).values()
    ids = [f"0_cbm_noise{sd}_freq{one}_gray_g_dog.JPEG" for one in range(7) for sd in (0, 0.02, 0.04, 0.08, 0.16)]
    found = band.headline(InMemoryResults([attrs.evolve(answers(dataset, [1] * 35, [0] * 35), ids=ids)]))
    assert found.measure.tolist() == ["bandwidth, octaves", "centre, cycles per image", "sensitivity"]
    assert found.value.isna().all()
    assert set(found.counts) == {"0.000 right without noise: no more than half right without noise"}
    published = {one.model: one.value for one in band.references()["bandwidth, octaves"]}
    assert published["resnet50"] == pytest.approx(3.988, abs=1e-3)


def test_cue_sensitivity_is_of_each_set_and_names_it():
    known = texts(suite("cue-sensitivity").study("planted"))
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
    cells = [
        attrs.evolve(answers(known["cue-conflict"], [0, 2], [0, 0], [1, 1]), logits=scores, dataset="cue-conflict"),
        attrs.evolve(answers(known["edges"], [0, 2], [1, 1]), logits=scores, dataset="edges"),
    ]
    found = suite("cue-sensitivity").headline(InMemoryResults(cells)).set_index("measure").value
    assert found.to_dict() == pytest.approx(
        {
            "shape sensitivity": 2 / 3,
            "texture sensitivity": 1 / 2,
            "share of shape": 4 / 7,
            "shape sensitivity, edges": 1 / 2,
        }
    )


def test_cue_sensitivity_of_one_cue_alone_is_of_two_sets(tmp_path):
    alone = suite(f"cue-sensitivity:{tmp_path}")
    shape, texture = texts(alone.study("planted")).values()
    scores, unknown = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), np.array([-1, -1])
    of_texture = answers(texture, [0, 2], [0, 0])
    cells = [
        attrs.evolve(answers(shape, [0, 2], [0, 0]), logits=scores),
        attrs.evolve(of_texture, logits=scores, shape_labels=unknown, texture_labels=np.array([1, 1])),
    ]
    found = alone.headline(InMemoryResults(cells)).set_index("measure").value
    assert found.to_dict() == pytest.approx(
        {"shape sensitivity": 2 / 3, "texture sensitivity": 1 / 2, "share of shape": 4 / 7}
    )
    assert {one.model for one in alone.references()["shape sensitivity"]} == {*alone.published_models}
