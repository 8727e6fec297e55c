"""The seam: an executor gets settings, and returns parts in any order."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest

import shapebias as sb
from shapebias.engine.checked_executor import started
from shapebias.engine.executor import BatchComputed, WorkersChanged
from shapebias.engine.local_executor import LocalExecutor
from shapebias.errors import DeviceError, UnknownNameError
from shapebias.plugin import ExecutorSpec
from shapebias.plugins.catalog import Component

STIMULI = "stimuli:cue=conflict,images=24,size=32"
MODEL = "cnn:num_classes=8,width=2,depth=2"


@attrs.define(eq=False)
class Elsewhere:
    """An executor to which nothing but bytes goes, and from which nothing but bytes comes."""

    sent: list[bytes] = attrs.field(factory=list)

    def describe_device(self, options):
        return f"elsewhere, {options.device}"

    def check(self, plan, first_images):
        pass

    def execute(self, plan):
        self.sent += [pickle.dumps(attrs.evolve(plan, works=(work,))) for work in reversed(plan.works)]
        for sent in self.sent:
            for message in LocalExecutor().execute(pickle.loads(sent)):  # noqa: S301 - our own bytes
                yield pickle.loads(pickle.dumps(message))  # noqa: S301


def test_a_plan_can_be_computed_elsewhere_work_by_work_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias.engine.plan._PART_IMAGES", 10)
    study = sb.Study(
        STIMULI, {"net": MODEL}, ["clean", "patch-shuffle:k=4+pgd:eps=4/255,steps=2"], "gradient", "insertion:steps=2"
    )
    usual, executor = sb.run(study, tmp_path / "usual.h5"), Elsewhere()
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=executor)
    assert found.failures == []
    assert found.store.header.device == "elsewhere, cpu"
    assert len(executor.sent) == 3
    for condition in study.conditions:
        np.testing.assert_array_equal(found.logits(condition=condition.title), usual.logits(condition=condition.title))
        np.testing.assert_array_equal(
            found.saliency(condition=condition.title), usual.saliency(condition=condition.title)
        )


def test_a_plan_has_settings_and_no_arrays(tmp_path):
    executor = Elsewhere()
    sb.run(sb.Study(STIMULI, MODEL, ["clean", "patch-shuffle:k=4"]), tmp_path / "run.h5", executor=executor)
    (sent,) = executor.sent
    assert b"torch" not in sent
    assert b"numpy" not in sent
    assert len(sent) < 10_000


def test_a_live_network_is_sent_as_it_is(network, tmp_path):
    study = sb.Study(STIMULI, {"net": network})
    usual = sb.run(study, tmp_path / "usual.h5", device="cpu")
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=Elsewhere())
    np.testing.assert_array_equal(found.logits(), usual.logits())


def test_an_executor_is_stopped_where_the_run_is_interrupted(tmp_path):
    ended = []

    class Endless:
        def describe_device(self, options):
            return "somewhere"

        def check(self, plan, first_images):
            pass

        def execute(self, plan):
            try:
                while True:
                    yield BatchComputed(0, "a cell")
            finally:
                ended.append(plan)

    def interrupt(_progress):
        raise KeyboardInterrupt

    with pytest.raises(sb.Interrupted):
        sb.run(sb.Study(STIMULI, MODEL), tmp_path / "run.h5", executor=Endless(), progress=interrupt)
    assert len(ended) == 1


def test_an_executor_is_named_as_text(tmp_path):
    assert sb.run(sb.Study(STIMULI, MODEL, limit=4), tmp_path / "run.h5", executor="local").failures == []
    with pytest.raises(UnknownNameError, match="no executor is called 'lokal'; did you mean 'local'"):
        sb.run(sb.Study(STIMULI, MODEL), tmp_path / "other.h5", executor="lokal")


@attrs.define(eq=False)
class Closing:
    """Settings that start themselves."""

    closed: int = 0

    def start(self):
        return self

    def describe_device(self, options):
        raise DeviceError("on purpose")

    def close(self):
        self.closed += 1


def test_what_was_started_is_closed_after_an_error(tmp_path):
    settings = Closing()
    component = Component(ExecutorSpec("closing", Closing), settings)
    with pytest.raises(DeviceError), started(component) as running:
        running.describe_device(None)
    assert settings.closed == 1


def test_workers_that_come_and_go_are_in_the_progress(tmp_path):
    class Changing(Elsewhere):
        def execute(self, plan):
            yield WorkersChanged(3, lost=2)
            yield from super().execute(plan)

    seen = []
    sb.run(sb.Study(STIMULI, MODEL, limit=4), tmp_path / "run.h5", executor=Changing(), progress=seen.append)
    assert {(each.workers, each.workers_lost) for each in seen} == {(3, 2)}
    assert (seen[0].cells_done, seen[-1].cells_done, seen[-1].cells) == (0, 1, 1)
