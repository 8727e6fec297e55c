"""Hooks that react are called with what they are promised, and none of them stops a run."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

import shapebias as sb
from shapebias.plugins import events
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import EVENTS, discover

HEAD = "import builtins, sys\nfrom shapebias.plugin import hookimpl\n"
STUDY = {"datasets": "stimuli:images=8,size=32", "models": "cnn:num_classes=8,width=4"}


@pytest.fixture
def with_plugins(tmp_path, monkeypatch):
    """Write one-file plugins, and make them the only ones whose hooks are called."""

    def use(**sources: str) -> Catalog:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(HEAD + source)
        catalog = Catalog([plugin for plugin in discover([tmp_path]) if plugin.source.startswith(str(tmp_path))])
        monkeypatch.setattr(events, "default_catalog", lambda: catalog)
        return catalog

    return use


class Recorder:
    """Keeps every call."""

    def __init__(self):
        self.calls = []

    @sb.plugin.hookimpl
    def shapebias_run_started(self, study, output):
        self.calls.append(("started", study, output, output.exists()))

    @sb.plugin.hookimpl
    def shapebias_cell_finished(self, cell, summary):
        self.calls.append(("cell", cell, summary))

    @sb.plugin.hookimpl
    def shapebias_run_finished(self, results):
        self.calls.append(("finished", results, len(results.answers())))


@pytest.fixture
def recorder(with_plugins):
    with_plugins()
    recorder = Recorder()
    events.manager().register(recorder)
    return recorder


def test_a_run_calls_the_hooks_in_order(recorder, tmp_path):
    study = sb.Study(**STUDY, conditions=["clean", "saturate:p=8"], saliency="gradient", saliency_limit=4)
    results = sb.run(study, tmp_path / "run.h5")
    assert [call[0] for call in recorder.calls] == ["started", "cell", "cell", "cell", "cell", "finished"]
    assert recorder.calls[0][1:3] == (study, tmp_path / "run.h5")
    cells = [call[1] for call in recorder.calls[1:5]]
    assert sorted(cell.title for cell in cells) == sorted(cell.title for cell in study.cells())
    counts = {
        (cell.saliency is None, summary.images, summary.failed, summary.error)
        for _, cell, summary in recorder.calls[1:5]
    }
    assert counts == {(True, 8, 0, ""), (False, 4, 0, "")}
    assert recorder.calls[-1][1:] == (results, 2)


def test_cells_that_are_stored_already_are_not_reported(recorder, tmp_path):
    sb.run(sb.Study(**STUDY), tmp_path / "run.h5")
    recorder.calls.clear()
    sb.run(sb.Study(**STUDY, conditions=["clean", "grayscale"]), tmp_path / "run.h5")
    assert [call[1].condition.title for call in recorder.calls if call[0] == "cell"] == ["grayscale"]


def test_evaluate_calls_them_too(recorder):
    from torch import nn

    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 8))
    sb.evaluate(network, STUDY["datasets"])
    assert [call[0] for call in recorder.calls] == ["started", "cell", "finished"]


def test_training_reports_every_epoch_once(with_plugins, tmp_path):
    with_plugins()
    calls = []

    class Epochs:
        @sb.plugin.hookimpl
        def shapebias_training_epoch(self, recipe, progress):
            calls.append((recipe, progress.epoch, progress.done, progress.total, progress.validation))

    events.manager().register(Epochs())
    recipe = sb.Recipe("cnn:num_classes=8,width=4", "stimuli:images=56,size=32", epochs=2)
    trained = sb.train(recipe, tmp_path / "a.safetensors")
    total = calls[0][3]
    expected = [(recipe, 1, total // 2, total, trained.history[0]), (recipe, 2, total, total, trained.history[1])]
    assert calls == expected
    sb.train(recipe, tmp_path / "a.safetensors")
    assert len(calls) == 2  # nothing was left to train


RAISING = """
@hookimpl
def {event}():
    raise {error}
"""


@pytest.mark.parametrize("error", ["ValueError('on purpose')", "SystemExit(3)", "sys.exit('on purpose')"])
@pytest.mark.parametrize("event", EVENTS)
def test_a_hook_that_raises_is_named_and_the_others_are_called(with_plugins, event, error):
    source = RAISING.format(event=event, error=error).replace("raise sys.exit", "sys.exit")
    catalog = with_plugins(bad=source, good=f"calls = []\n@hookimpl\ndef {event}():\n    calls.append(1)\n")
    with pytest.warns(RuntimeWarning, match=rf"plugin bad from .*: {event} failed: (ValueError|SystemExit)"):
        events.notify(event, study=1, output=2, cell=3, summary=4, results=5, recipe=6, progress=7)
    (good,) = (plugin for plugin in catalog.plugins if plugin.name == "good")
    assert good.module.calls == [1]


def test_a_run_ends_as_usual_although_every_hook_raises(with_plugins, tmp_path):
    with_plugins(bad="".join(RAISING.format(event=event, error="SystemExit") for event in EVENTS))
    with pytest.warns(RuntimeWarning) as caught:
        results = sb.run(sb.Study(**STUDY), tmp_path / "run.h5")
    assert [str(each.message).split(": ")[1].split()[0] for each in caught] == [
        *("shapebias_run_started", "shapebias_cell_finished", "shapebias_run_finished")
    ]
    assert len(results.answers()) == 1


def test_warnings_as_errors_do_not_stop_a_run_either(with_plugins, caplog):
    with_plugins(bad=RAISING.format(event="shapebias_run_started", error="ValueError"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        events.notify("shapebias_run_started", study=None, output=None)
    assert "plugin bad" in caplog.text


def test_an_interrupt_in_a_hook_interrupts_the_run(with_plugins, tmp_path):
    with_plugins(slow=RAISING.format(event="shapebias_cell_finished", error="KeyboardInterrupt"))
    with pytest.raises(sb.Interrupted):
        sb.run(sb.Study(**STUDY), tmp_path / "run.h5")
    with sb.open(tmp_path / "run.h5") as results:
        assert len(results.answers()) == 1


def test_hooks_are_called_in_the_order_in_which_plugins_are_found(with_plugins, monkeypatch):
    source = "import os\n@hookimpl\ndef shapebias_run_started():\n    os.environ['ORDER'] += '{}'\n"
    monkeypatch.setitem(os.environ, "ORDER", "")
    with_plugins(a=source.format("a"), b=source.format("b"), c=source.format("c"))
    events.notify("shapebias_run_started", study=None, output=Path())
    assert os.environ["ORDER"] == "abc"


def test_a_misspelled_argument_is_a_problem_of_the_plugin(with_plugins):
    (plugin,) = with_plugins(bad="@hookimpl\ndef shapebias_run_started(studdy): pass\n").plugins
    ((stage, message),) = [(problem.stage, problem.message) for problem in plugin.problems]
    assert stage == "register"
    assert "studdy" in message
    events.notify("shapebias_run_started", study=None, output=None)


def test_a_wrapper_is_refused_because_it_would_never_run(with_plugins):
    (plugin,) = with_plugins(bad="@hookimpl(wrapper=True)\ndef shapebias_run_started():\n    yield\n").plugins
    assert "marked as a wrapper" in plugin.problems[0].message
