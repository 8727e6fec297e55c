"""The seam: an executor gets settings, and returns parts in any order."""

from __future__ import annotations

import pickle

import attrs
import numpy as np
import pytest

import shapebias as sb
from shapebias.engine.executor import BatchComputed
from shapebias.engine.local_executor import LocalExecutor
from shapebias.errors import StudyError

STIMULI = "stimuli:cue=conflict,images=24,size=32"
MODEL = "cnn:num_classes=8,width=2,depth=2"


@attrs.define(eq=False)
class Elsewhere:
    """An executor to which nothing but bytes goes, and from which nothing but bytes comes."""

    sent: list[bytes] = attrs.field(factory=list)

    def describe_device(self, options):
        return f"elsewhere, {options.device}"

    def check(self, study, options, answered=()):
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


def test_a_live_network_is_not_sent_to_another_process(network, tmp_path):
    with pytest.raises(StudyError, match=r"live object 'net' cannot be sent .* checkpoint:FILE"):
        sb.run(sb.Study(STIMULI, {"net": network}), tmp_path / "run.h5", executor=Elsewhere())


def test_an_executor_is_stopped_where_the_run_is_interrupted(tmp_path):
    ended = []

    class Endless:
        def describe_device(self, options):
            return "somewhere"

        def check(self, study, options, answered=()):
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
