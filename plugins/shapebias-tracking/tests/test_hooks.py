"""When runs are opened and closed, and what happens where a tracker fails: no tracker is installed for this."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import shapebias_tracking
from shapebias_tracking import contents
from shapebias_tracking.hooks import NAMES, TrackingHooks

import shapebias as sb
from shapebias.plugin import CellSummary
from shapebias.testing import conformance

test_conformance = conformance("shapebias-tracking")

STUDY = sb.Study("stimuli:images=8,size=32", "cnn:num_classes=8,width=4")
OPENED = []


class FakeTracker:
    """Keeps what it is told."""

    def __init__(self, name, parameters):
        self.name, self.parameters = name, parameters
        self.numbers, self.files, self.ended = [], [], None
        OPENED.append(self)

    def log_numbers(self, numbers, step):
        self.numbers.append((dict(numbers), step))

    def log_file(self, path):
        self.files.append(path.read_text())

    def log_table(self, name, table):
        raise OSError("the server is gone")

    def end(self, *, completed):
        self.ended = completed


@pytest.fixture
def hooks(monkeypatch):
    OPENED.clear()
    monkeypatch.setenv("SHAPEBIAS_TRACKERS", "mlflow")
    monkeypatch.delenv("SHAPEBIAS_TRACKING_NAME", raising=False)
    return TrackingHooks("mlflow", f"{__name__}:FakeTracker")


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(FakeTracker=FakeTracker))


def test_every_tracker_is_a_plugin():
    plugins = [each for each in sb.default_catalog().plugins if each.distribution == "shapebias-tracking"]
    assert sorted(each.name for each in plugins) == sorted(NAMES) == sorted(shapebias_tracking.__all__)
    assert [each.problems for each in plugins] == [()] * 3


def test_nothing_is_opened_unless_the_environment_names_the_tracker(hooks, monkeypatch):
    for chosen in ("", "wandb"):
        monkeypatch.setenv("SHAPEBIAS_TRACKERS", chosen)
        hooks.shapebias_run_started(STUDY, Path("run.h5"))
        hooks.shapebias_cell_finished(CellSummary(8))
    assert OPENED == []


def test_a_tracker_that_does_not_exist_is_a_warning(hooks, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_TRACKERS", "mlfow, mlflow")
    with pytest.warns(UserWarning, match="no tracker 'mlfow'; known: mlflow, tensorboard, wandb"):
        hooks.shapebias_run_started(STUDY, Path("run.h5"))
    assert len(OPENED) == 1


def test_finished_and_failed_cells_are_counted(hooks):
    hooks.shapebias_run_started(STUDY, Path("folder/run.h5"))
    hooks.shapebias_cell_finished(CellSummary(8, 0, 2.0))
    hooks.shapebias_cell_finished(CellSummary(0, 8, 0.0, "error"))
    (run,) = OPENED
    assert (run.name, run.parameters["models"]) == ("run", "cnn:num_classes=8,width=4")
    assert [(numbers["cells/finished"], numbers["cells/failed"], step) for numbers, step in run.numbers] == [
        *((1, 0, 1), (2, 1, 2))
    ]
    assert sb.Study.from_toml(run.files[0]) == STUDY


def test_the_next_study_closes_a_run_that_was_interrupted(hooks):
    hooks.shapebias_run_started(STUDY, Path("a.h5"))
    hooks.shapebias_run_started(STUDY, Path("b.h5"))
    assert [run.ended for run in OPENED] == [False, None]
    hooks.end_all()  # as when Python ends
    assert [run.ended for run in OPENED] == [False, False]


def test_a_run_whose_results_cannot_be_logged_is_closed(hooks, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv("SHAPEBIAS_TRACKERS")
        results = sb.run(STUDY, tmp_path / "run.h5")
    hooks.shapebias_run_started(STUDY, tmp_path / "run.h5")
    with pytest.raises(OSError, match="gone"):
        hooks.shapebias_run_finished(results)
    assert OPENED[-1].ended is False


def test_a_missing_library_says_what_to_install(hooks):
    missing = TrackingHooks("mlflow", "no_such_library:Tracker")
    with pytest.raises(ImportError, match=r"pip install shapebias-tracking\[mlflow\]"):
        missing.shapebias_run_started(STUDY, Path("run.h5"))


def epoch(number, total=2, robust=None):
    validation = SimpleNamespace(loss=1.0 / number, clean=0.5, robust=robust)
    return SimpleNamespace(epoch=number, done=number, total=total, validation=validation)


def test_a_training_is_one_run_and_a_second_training_another(hooks):
    recipe = sb.Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", epochs=2)
    for number in (1, 2, 1, 2):
        hooks.shapebias_training_epoch(recipe, epoch(number))
    assert [run.ended for run in OPENED] == [True, True]
    assert OPENED[0].numbers == [
        ({"train/loss": 1.0, "validation/accuracy": 0.5}, 1),
        ({"train/loss": 0.5, "validation/accuracy": 0.5}, 2),
    ]
    assert OPENED[0].parameters["optimiser"] == "sgd"


def test_numbers_name_the_data_set_where_there_are_several(tmp_path, monkeypatch):
    monkeypatch.delenv("SHAPEBIAS_TRACKERS", raising=False)
    study = sb.Study(
        ["a=stimuli:cue=conflict,images=56,size=32", "b=stimuli:images=8,size=32"], "m=cnn:num_classes=8,width=4"
    )
    results = sb.run(study, tmp_path / "run.h5")
    expected = {}
    for answers in results.answers():
        right = sum(int(a) == int(b) for a, b in zip(answers.prediction, answers.labels, strict=True))
        expected[f"accuracy/{answers.dataset}/m/clean"] = right / len(answers.labels)
    found = contents.scalars(results)
    assert {name: value for name, value in found.items() if name.startswith("accuracy")} == pytest.approx(expected)
    assert [name for name in found if name.startswith("shape-bias")] == ["shape-bias/a/m/clean"]
