"""Executors that fail at every stage: named, what they yielded is kept, and another executor continues to the same."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from amounts import amount
from faults import FAULTS, HARMLESS, RAISED

import shapebias as sb
from shapebias.engine.local_executor import LocalExecutor
from shapebias.errors import PluginError
from shapebias.plugin import ExecutorSpec, Part
from shapebias.plugins.catalog import Component
from shapebias.store import DatasetPart

STUDY = sb.Study("stimuli:cue=conflict,images=6,size=32", "cnn:num_classes=8,width=2,depth=2", ["clean", "grayscale"])


@attrs.frozen
class Bad:
    """Settings of an executor that commits a fault at one stage."""

    fault: str
    stage: str

    def start(self):
        return BadExecutor(self).reach("start")


@attrs.define
class BadExecutor:
    settings: Bad
    local: LocalExecutor = attrs.field(factory=LocalExecutor)

    def reach(self, stage):
        if stage == self.settings.stage:
            (FAULTS | HARMLESS)[self.settings.fault]()
        return self

    def describe_device(self, options):
        self.reach("describe_device")
        return 7 if self.settings.fault == "names no device" else self.local.describe_device(options)

    def check(self, plan, first_images):
        self.local.check(plan, first_images)
        self.reach("check")

    def execute(self, plan):
        if self.settings.fault == "returns a list":
            return []
        return self._execute(plan)

    def _execute(self, plan):
        self.reach("execute")
        finished = 0
        for message in self.local.execute(plan):
            finished += isinstance(message, Part)
            if finished == 2:
                self.reach("execute later")
            yield from OTHERWISE.get(self.settings.fault, lambda message, _: [message])(message, finished)

    def close(self):
        self.local.close()
        self.reach("close")


def with_other_rows(message):
    return attrs.evolve(message, rows=message.rows + 100) if isinstance(message, Part | DatasetPart) else message


def of_another_cell(message):
    if not isinstance(message, Part):
        return message
    return attrs.evolve(message, cell=attrs.evolve(message.cell, model=message.cell.condition))


OTHERWISE = {
    "ends early": lambda message, finished: [message] if finished < 2 else [],
    "leaves out a part": lambda message, finished: [] if isinstance(message, Part) and finished == 1 else [message],
    "yields nonsense": lambda message, _: [7, message],
    "yields rows of other images": lambda message, _: [with_other_rows(message)],
    "yields another cell": lambda message, _: [of_another_cell(message)],
    "leaves out the images": lambda message, _: [] if isinstance(message, DatasetPart) else [message],
}
STAGES = ("start", "describe_device", "check", "execute", "execute later", "close")
RAISING = [(fault, stage) for stage in STAGES for fault in RAISED]
WRONG = [(fault, "") for fault in (*OTHERWISE, "names no device", "returns a list")]
QUIET = [(fault, stage) for stage in STAGES for fault in FAULTS | HARMLESS if fault not in RAISED]
QUIET.remove(("hooks all modules", "execute"))  # it computes with its own hook: all of its cells fail


def run(path, fault=None, stage=""):
    executor = Component(ExecutorSpec("culprit", Bad), Bad(fault, stage)) if fault else None
    return sb.run(STUDY, path, executor=executor, device="cpu", workers=1)


def answers(results):
    with results:
        assert results.failures == []
        return {one.condition: one.logits for one in results.answers()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return answers(run(tmp_path_factory.mktemp("local") / "run.h5"))


@pytest.mark.parametrize(("fault", "stage"), [*WRONG, *RAISING[:: amount(8, 1)]])
def test_the_executor_is_named_and_another_one_continues(expected, tmp_path, fault, stage):
    with pytest.raises(PluginError, match=r"^executor culprit:"):
        run(tmp_path / "run.h5", fault, stage)
    if stage in ("execute later", "close"):
        with sb.Results(tmp_path / "run.h5") as kept:
            assert len(kept.answers()) == {"execute later": 1, "close": 2}[stage]
    found = answers(run(tmp_path / "run.h5"))
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[condition], logits) for condition, logits in expected.items())


@pytest.mark.parametrize(("fault", "stage"), QUIET[:: amount(8, 1)])
def test_modes_that_an_executor_changes_are_restored(expected, tmp_path, fault, stage):
    hooks = len(torch.nn.modules.module._global_forward_hooks)
    found = answers(run(tmp_path / "run.h5", fault, stage))
    assert all(np.array_equal(found[condition], logits) for condition, logits in expected.items())
    assert (torch.get_default_dtype(), torch.is_autocast_enabled("cpu")) == (torch.float32, False)
    assert len(torch.nn.modules.module._global_forward_hooks) == hooks
