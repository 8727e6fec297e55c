from __future__ import annotations

import inspect
import re
import tomllib

import numpy as np
import pytest

from shapebias import engine
from shapebias.runtime.progress import Interrupted
from shapebias.store.results import open_store

DATASET = "stimuli:cue=conflict,images=56,size=32"
SMALL = "small=cnn:num_classes=8,width=4"
TOML = f"""
datasets = ["{DATASET}"]
conditions = ["clean", "grayscale"]
seed = 3
limit = 20

[models]
small = "cnn:num_classes=8,width=4"
"""


def without_progress(result):
    """Return the lines on stderr, without those that say how far the run is."""
    return [line for line in result.stderr.splitlines() if not re.match(r"\d+/\d+ images", line)]


@pytest.fixture
def ask(cli, monkeypatch):
    """Run the command up to the call of the engine, and return what it asks for, by the engine's own names."""
    signature, calls = inspect.signature(engine.run), []

    def stand_in(*args, **kwargs):
        calls.append(signature.bind(*args, **kwargs).arguments)
        raise Interrupted("interrupted; run the same command again to continue")

    def run(*arguments):
        result = cli("run", *arguments, "-o", "run.h5")
        assert result.exit_code == 130, result.output
        assert "run the same command again" in result.stderr
        return calls[-1]

    monkeypatch.setattr(engine, "run", stand_in)
    return run


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(TOML)
    return path


def texts(things):
    return [thing.text for thing in things]


def test_clean_comes_first_and_each_option_is_a_condition_of_its_own(ask):
    chain = ["-c", "grayscale+pgd:eps=4/255"]
    study = ask("-d", DATASET, "-m", SMALL, *chain, "-a", "pgd:eps=1/255", "-t", "saturate:p=8", "-t", "saturate:p=64")[
        "study"
    ]
    wanted = ["clean", "saturate:p=8", "saturate:p=64", "pgd:eps=1/255", "grayscale+pgd:eps=4/255"]
    assert texts(study.conditions) == wanted
    assert texts(study.datasets) == [DATASET]
    assert [model.title for model in study.models] == ["small"]


@pytest.mark.parametrize("clean", [["-c", "clean"], ["-c", "clean", "-c", "clean"]])
def test_clean_is_never_doubled(ask, clean):
    study = ask("-d", DATASET, "-m", SMALL, "-t", "grayscale", *clean)["study"]
    assert texts(study.conditions) == ["clean", "grayscale"]


def test_no_clean(ask, study_file):
    assert texts(ask("-d", DATASET, "-m", SMALL, "-t", "grayscale", "--no-clean")["study"].conditions) == ["grayscale"]
    assert texts(ask(study_file, "--no-clean")["study"].conditions) == ["grayscale"]


def test_settings_have_the_defaults_of_the_study_and_of_the_engine(ask):
    asked = ask("-d", DATASET, "-m", SMALL)
    study = asked["study"]
    assert (study.seed, study.limit, study.saliency_limit, study.logits) == (0, None, None, "full")
    assert (study.keep_images, study.mapping) == (False, None)
    assert asked["output"] == "run.h5"
    assert {name: asked[name] for name in ("device", "batch_size", "chunk", "precision", "workers", "replace")} == {
        "device": "auto",
        "batch_size": None,
        "chunk": None,
        "precision": "float32",
        "workers": None,
        "replace": False,
    }


def test_every_setting_arrives(ask):
    what = [
        "--seed",
        7,
        "--limit",
        30,
        "--saliency-limit",
        5,
        "--mapping",
        "map.json",
        "--aggregate",
        "sum",
        "--logits",
        "top-3",
        "--keep-images",
    ]
    more = ["-s", "gradient", "-s", "smoothgrad", "-p", "insertion"]
    how = ["--device", "cpu", "--batch-size", 9, "--chunk", 4, "--precision", "bfloat16", "--workers", 2, "--replace"]
    asked = ask("-d", DATASET, "-m", SMALL, *what, *more, *how)
    study = asked["study"]
    assert (study.seed, study.limit, study.saliency_limit, study.logits) == (7, 30, 5, "top-3")
    assert (study.keep_images, str(study.mapping), study.aggregate) == (True, "map.json", "sum")
    assert [thing.name for thing in (*study.saliency, *study.probes)] == ["gradient", "smoothgrad", "insertion"]
    assert (asked["device"], asked["batch_size"], asked["chunk"], asked["workers"]) == ("cpu", 9, 4, 2)
    assert (asked["precision"], asked["replace"]) == ("bfloat16", True)


def test_a_study_file_alone(ask, study_file):
    study = ask(study_file)["study"]
    assert texts(study.conditions) == ["clean", "grayscale"]
    assert (study.seed, study.limit, [model.title for model in study.models]) == (3, 20, ["small"])


def test_options_add_to_the_lists_of_a_study_file_and_override_its_values(ask, study_file):
    study = ask(study_file, "-m", "wide=cnn:num_classes=8", "-t", "saturate:p=8", "-t", "grayscale", "--limit", 5)[
        "study"
    ]
    assert [model.title for model in study.models] == ["small", "wide"]
    assert texts(study.conditions) == ["clean", "grayscale", "saturate:p=8"]
    assert (study.seed, study.limit) == (3, 5)


def test_a_study_file_may_leave_out_what_options_give(ask, study_file):
    study_file.write_text('datasets = ["stimuli"]\n')
    study = ask(study_file, "-m", SMALL, "-t", "grayscale")["study"]
    assert texts(study.conditions) == ["clean", "grayscale"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", DATASET], "give a data set with -d and a model with -m"),
        (["-d", DATASET, "-m", SMALL, "-t", "satruate"], "did you mean 'saturate'?"),
        (["-d", DATASET, "-m", SMALL, "-t", "saturate:q=8"], "q: unknown parameter"),
        (["-d", DATASET, "-m", SMALL, "-c", "pgd+pgd"], "at most one"),
        (["-d", DATASET, "-m", SMALL, "-m", SMALL], "is given twice"),
        (["-d", DATASET, "-m", SMALL, "-p", "insertion"], "the study has no saliency"),
        (["-d", DATASET, "-m", SMALL, "--logits", "some"], "must be 'full'"),
        (["-d", DATASET, "-m", SMALL, "--limit", "0"], "at least 1"),
        (["-d", DATASET, "-m", SMALL, "--device", "abacus"], "abacus"),
        (["nothing.toml"], "nothing.toml"),
        (["broken.toml"], "broken.toml is not valid TOML"),
        (["wrong.toml"], "write a list, ['stimuli']"),
    ],
)
def test_what_cannot_run_is_status_2_says_why_and_leaves_no_file(cli, tmp_path, arguments, message):
    (tmp_path / "broken.toml").write_text("datasets = [")
    (tmp_path / "wrong.toml").write_text("datasets = 'stimuli'")
    result = cli("run", *arguments, "-o", "run.h5")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "run.h5").exists()


def test_all_problems_are_told_at_once(cli):
    result = cli("run", "-d", "stimuli:cue=none", "-m", "cnnn", "-t", "saturate:p=-1", "-o", "run.h5")
    assert result.exit_code == 2
    assert all(position in result.stderr for position in ("datasets[0]:", "models[0]:", "conditions[1]:"))


def test_a_run_tells_where_results_are_and_what_they_say(cli, tmp_path):
    result = cli("run", "-d", DATASET, "-m", SMALL, "-t", "saturate:p=8", "--limit", 20, "-o", "run.h5")
    assert (result.exit_code, without_progress(result)) == (0, [])
    with open_store(tmp_path / "run.h5") as results:
        answers = next(iter(results.answers()))
        accuracy = np.mean(answers.prediction == answers.labels)
        assert tomllib.loads(results.store.header.study)["limit"] == 20
    *heading, clean, saturated = result.stdout.partition("\n\n")[0].splitlines()
    assert "accuracy" in heading[-1]
    assert "shape bias" in heading[-1]
    assert f" {accuracy:.3f} [" in clean
    assert saturated.startswith("saturate:p=8 ")
    assert "Results are in run.h5" in result.stdout
    assert cli("results", "run.h5").stdout in result.stdout


def test_quiet_says_nothing(cli):
    result = cli("run", "-d", DATASET, "-m", SMALL, "--limit", 8, "-o", "run.h5", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_running_again_continues_and_a_changed_study_needs_replace(cli, tmp_path):
    arguments = ["run", "-d", DATASET, "-m", SMALL, "--limit", 8, "-q", "-o", "run.h5"]
    assert cli(*arguments).exit_code == 0
    assert cli(*arguments, "-t", "grayscale").exit_code == 0
    with open_store(tmp_path / "run.h5") as results:
        assert [answers.condition for answers in results.answers()] == ["clean", "grayscale"]
    changed = cli(*arguments, "--seed", 1)
    assert changed.exit_code == 2
    assert "--replace" in changed.stderr
    assert cli(*arguments, "--seed", 1, "--replace").exit_code == 0


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_failed_cells_stand_above_their_reason_and_the_rest_goes_on_with_status_1(cli, quiet):
    conditions = ["-t", "patch-shuffle:k=64", "-c", "patch-shuffle:k=64+grayscale"]
    result = cli("run", "-d", DATASET, "-m", SMALL, *conditions, "--limit", 8, *quiet, "-o", "run.h5")
    assert result.exit_code == 1
    lines = without_progress(result)
    assert lines[0] == f"Failed: {DATASET} | small | patch-shuffle:k=64"
    assert lines[1].startswith(f"Failed: {DATASET} | small | patch-shuffle:k=64+grayscale")
    assert lines[2].startswith("  DataError: patch-shuffle: images of 32 x 32 pixels cannot be cut into 64 x 64 tiles")
    assert cli("results", "run.h5", "accuracy:top=1", "--csv").stdout.count("\n") == 2
    assert cli("results", "run.h5").stderr.splitlines() == lines


def test_failures_of_another_study_in_the_same_file_are_not_this_ones(cli):
    arguments = ["run", "-d", DATASET, "-m", SMALL, "--limit", 8, "-o", "run.h5"]
    assert cli(*arguments, "--no-clean", "-t", "patch-shuffle:k=64").exit_code == 1
    result = cli(*arguments)
    assert (result.exit_code, without_progress(result)) == (0, [])
    assert "cannot be cut" in cli("results", "run.h5").stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-m", "timm:resnet5"], "has no architecture 'resnet5'; did you mean"),
        (["-m", "narrow=cnn:num_classes=5,width=4"], "write a mapping file"),
        (["-m", "timm:resnet5", "-m", "narrow=cnn:num_classes=5,width=4"], "the study cannot run:"),
        (["-a", "pgd:target=8"], "target=8 is not a class of the data set; give least-likely, random, or a number"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_anything_is_stored(cli, tmp_path, options, said):
    result = cli("run", "-d", DATASET, "-m", SMALL, *options, "--limit", 8, "-o", "run.h5")
    assert result.exit_code == 2
    assert said in result.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_refused_model_leaves_the_stored_answers(cli):
    arguments = ["run", "-d", DATASET, "-m", SMALL, "--limit", 8, "-o", "run.h5"]
    assert cli(*arguments).exit_code == 0
    before = cli("results", "run.h5", "--csv").stdout
    assert cli(*arguments, "-m", "timm:resnet5", "--replace").exit_code == 2
    assert cli("results", "run.h5", "--csv").stdout == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-a", "saturate"], "-a saturate: saturate is a transform; write -t saturate"),
        (["-t", "pgd:eps=1/255"], "-t pgd:eps=1/255: pgd is an attack; write -a pgd:eps=1/255"),
        (["-s", "pgd"], "-s pgd: pgd is an attack; write -a pgd"),
        (["-m", "stimuli"], "-m stimuli: stimuli is a data set; write -d stimuli"),
        (["-t", "saturate,p=8"], "did you mean 'saturate:p=8'?"),
        (["-t", "saturate=8"], "did you mean 'saturate:8'?"),
        (["-t", "Saturate:p=8"], "did you mean 'saturate:p=8'?"),
        (["-s", "grad_cam"], "did you mean 'grad-cam'?"),
        (["-m", "resnet50"], "did you mean 'timm:resnet50'"),
        (["-m", "vit_base_patch16_224"], "did you mean 'timm:vit_base_patch16_224'"),
        (["-m", "alexnet"], "'torchvision:alexnet'"),
        (["-d", "/nowhere/at/all"], "'/nowhere/at/all' is a path that does not exist"),
    ],
)
def test_another_spelling_is_recognised_and_leaves_nothing(cli, tmp_path, options, said):
    result = cli("run", "-d", "stimuli:images=8,size=32", "-m", "cnn:num_classes=8", *options, "-o", "run.h5")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_verbose_and_the_log_file_say_what_is_loaded_and_where_the_time_goes(cli, tmp_path):
    options = ["-d", "stimuli:images=8,size=32", "-m", "cnn:num_classes=8", "-q", "-o", "run.h5"]
    said = cli("run", "-v", "--log-file", "run.log", *options).stderr
    log = (tmp_path / "run.log").read_text()
    for text in (said, log):
        assert "8 images, 0 entries skipped" in text
        assert "loaded model cnn:num_classes=8 in" in text
        assert "8 images done" in text
        assert "s writing" in text
    assert cli("run", *options).stderr == ""  # the handlers are gone


def test_a_new_label_for_a_known_model_is_taken_over_and_drop_renames(cli):
    options = ["-q", "-d", "stimuli:images=8,size=32", "-o", "run.h5"]
    assert cli("run", *options, "-m", "first=cnn:num_classes=8").exit_code == 0
    assert cli("run", *options, "-m", "second=cnn:num_classes=8").exit_code == 0
    with open_store("run.h5") as results:
        assert [answers.model for answers in results.answers()] == ["second"]
    assert (
        "second is called third in 1 cell of run.h5."
        in cli("drop", "run.h5", "-m", "second", "--rename", "third").stdout
    )
    assert cli("run", *options, "-m", "cnn:num_classes=8").exit_code == 0  # no label, and none is taken away
    with open_store("run.h5") as results:
        assert [answers.model for answers in results.answers()] == ["third"]
    assert "--rename needs one component" in cli("drop", "run.h5", "-m", "a", "-c", "b", "--rename", "third").stderr


def test_shards_are_computed_by_processes_that_do_not_know_each_other_and_merged(cli, tmp_path):
    what = ["-d", "stimuli:images=8,size=32", "-m", "a=cnn:8", "-m", "b=cnn:8,seed=1", "-m", "c=cnn:8,seed=2", "-q"]
    for number in (1, 2, 3):
        assert cli("run", *what, "--shard", f"{number}/3", "-o", f"run-{number}.h5").exit_code == 0
    assert cli("merge", "run-1.h5", "run-2.h5", "run-3.h5", "-o", "run.h5").exit_code == 0
    assert sorted(each.model for each in open_store(tmp_path / "run.h5").answers()) == ["a", "b", "c"]
    result = cli("merge", "run-1.h5", "run-3.h5", "-o", "other.h5")
    assert result.exit_code == 2
    assert "shard 2/3 is missing; compute it with --shard 2/3" in result.stderr
    result = cli("run", *what, "--shard", "0/3", "-o", "other.h5")
    assert "shard 0/3: shards of 3 are numbered from 1/3" in result.stderr


def test_an_executor_is_named(cli):
    what = ["-d", "stimuli:images=8,size=32", "-m", "cnn:8", "-q", "-o", "run.h5"]
    assert cli("run", *what, "--executor", "local").exit_code == 0
    result = cli("run", *what, "--executor", "lokal")
    assert result.exit_code == 2
    assert "no executor is called 'lokal'; did you mean 'local'?" in result.stderr


def test_towards_a_class_adds_a_condition_and_keeps_the_images(ask, cli):
    study = ask("-d", DATASET, "-m", SMALL, "-t", "grayscale", "--towards", "3", "--towards", "disc/dots")["study"]
    titles = [condition.title for condition in study.conditions]
    assert titles[:2] == ["clean", "grayscale"]
    assert len(titles) == 4
    assert titles[-1] == "towards disc/dots"
    assert study.keep_images
    result = cli("run", "-d", DATASET, "-d", "other=stimuli", "-m", SMALL, "--towards", "0", "-o", "run.h5")
    assert result.exit_code == 2
    assert "a class belongs to one data set, and there are 2" in result.stderr
