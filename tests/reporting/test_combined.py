from __future__ import annotations

import shutil

import pytest

import shapebias
from shapebias.reporting.combined import CombinedResults

IMAGES = "stimuli:cue=conflict,images=8,size=32"
NET = "cnn:num_classes=8,width=4"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return files: a model on some images, the same on others, another of the same name, and another name."""
    folder = tmp_path_factory.mktemp("joined")
    studies = {
        "first": shapebias.Study({"pictures": IMAGES}, {"net": NET}),
        "elsewhere": shapebias.Study({"others": f"{IMAGES},seed=1"}, {"net": NET}),
        "tuned": shapebias.Study({"pictures": IMAGES}, {"net": f"{NET},seed=3"}),
        "other": shapebias.Study({"pictures": IMAGES}, {"other": f"{NET},seed=4"}),
        "sum": shapebias.Study({"pictures": IMAGES}, {"net": NET}, "grayscale", aggregate="sum"),
    }
    for name, study in studies.items():
        shapebias.run(study, folder / f"{name}.h5").close()
    return folder


def joined(folder, *names):
    return CombinedResults([shapebias.open(folder / f"{name}.h5") for name in names])


def test_one_model_on_other_images_keeps_its_name(runs):
    both = joined(runs, "first", "elsewhere")
    assert both.models == ["net"]
    assert [view.dataset for view in both.answers()] == ["pictures", "others"]


def test_two_models_of_one_name_get_the_names_of_their_files(runs):
    both = joined(runs, "first", "tuned", "other")
    assert both.models == ["net (first)", "net (tuned)", "other"]


def test_scores_of_another_aggregate_are_those_of_another_model(runs):
    assert joined(runs, "first", "sum").models == ["net (first)", "net (sum)"]


def test_the_same_answers_twice_get_the_names_of_their_files(runs, tmp_path):
    shutil.copy(runs / "first.h5", tmp_path / "again.h5")
    files = [shapebias.open(runs / "first.h5"), shapebias.open(tmp_path / "again.h5")]
    assert CombinedResults(files).models == ["net (first)", "net (again)"]


def test_files_of_one_name_are_told_apart_by_their_paths(runs, tmp_path):
    shutil.copy(runs / "first.h5", tmp_path / "first.h5")
    files = [shapebias.open(runs / "first.h5"), shapebias.open(tmp_path / "first.h5")]
    assert CombinedResults(files).models == [f"net ({runs / 'first.h5'})", f"net ({tmp_path / 'first.h5'})"]


def test_metrics_see_the_models_of_all_files_and_are_computed_once(runs):
    both = joined(runs, "first", "other")
    table = both.metric("error-consistency")
    assert [*table["model"], *table["other"]] == ["net", "other"]
    table["value"] = 7
    assert both.metric("error-consistency")["value"].tolist() != [7]


def test_of_many_models_some_are_taken_evenly_spaced(runs, tmp_path):
    study = shapebias.Study({"pictures": IMAGES}, {f"net-{seed}": f"{NET},seed={seed}" for seed in range(6)})
    files = [shapebias.run(study, tmp_path / "run.h5")]
    some = CombinedResults(files, most_models=2)
    assert (some.models, some.left_out) == (["net-0", "net-3"], 4)
    assert {*some.metric("accuracy")["model"]} == {"net-0", "net-3"}
    assert CombinedResults(files, most_models=6).left_out == 0
    page = shapebias.report(files, tmp_path / "page.html", models=2).read_text(encoding="utf-8")
    assert "2 of 6 models" in page
