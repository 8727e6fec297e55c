"""Plugins that fail at every stage: named and recorded, and the other cells have the same numbers to the bit."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
import torch
from amounts import amount
from faults import FAULTS, HARMLESS
from torch import nn

import shapebias as sb
from shapebias import plugin
from shapebias.errors import DataError, PluginError
from shapebias.plugins.catalog import Component
from shapebias.plugins.discovery import discover
from shapebias.plugins.specs import AttackSpec, DatasetSpec, ModelSpec, ProbeSpec, SaliencySpec, TransformSpec

STUDY = {
    "datasets": ["stimuli:cue=conflict,images=6,size=32"],
    "models": ["cnn:num_classes=8,width=4"],
    "conditions": ["clean", "pgd:eps=8/255,steps=1"],
    "saliency": ["gradient"],
    "probes": [],
}


@attrs.frozen
class Bad:
    """Settings that commit a fault at one stage."""

    fault: str
    stage: str

    def commit(self, stage):
        if stage == self.stage:
            (FAULTS | HARMLESS)[self.fault]()

    def load(self, device):
        self.commit("load")
        return self


class BadTransform(Bad):
    def __call__(self, images, rng):
        self.commit("call")
        return images


class BadAttack(Bad):
    def __call__(self, model, images, labels, rng):
        self.commit("call")
        return images


class BadSaliency(Bad):
    def __call__(self, model, images, targets, rng):
        self.commit("call")
        return images.mean(dim=1)


class BadProbe(Bad):
    def __call__(self, model, images, targets, maps, rng):
        self.commit("call")
        return {"value": images.mean(dim=(1, 2, 3))}


class BadNetwork(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        self.settings.commit("call")
        return images.mean(dim=(2, 3)).repeat(1, 3)[:, :8] * self.weight


class BadModel(Bad):
    def load(self, device):
        self.commit("load")
        return sb.Classifier(BadNetwork(self), classes=None)


class BadDataset(Bad):
    @property
    def classes(self):
        self.commit("classes")
        return tuple("abcdefgh")

    def __len__(self):
        self.commit("len")
        return 6

    def __getitem__(self, row):
        self.commit("read")
        if row:
            self.commit("read later")
        pixels = np.random.default_rng(row).integers(256, size=(32, 32, 3), dtype=np.uint8)
        return plugin.Sample(pixels, str(row), row)


KINDS = {
    "datasets": (DatasetSpec, BadDataset, ("classes", "len", "read", "read later")),
    "models": (ModelSpec, BadModel, ("load", "call")),
    "conditions": (TransformSpec, BadTransform, ("load", "call")),
    "attacks": (AttackSpec, BadAttack, ("load", "call")),
    "saliency": (SaliencySpec, BadSaliency, ("load", "call")),
    "probes": (ProbeSpec, BadProbe, ("load", "call")),
}
CASES = [
    (kind, stage, fault) for kind, (*_, stages) in KINDS.items() for stage in stages for fault in FAULTS | HARMLESS
]


def answers(results):
    found = {(one.dataset, one.model, one.condition): one.logits for one in results.answers()}
    return found | {(one.dataset, one.model, one.condition, one.saliency): one.maps for one in results.maps()}


def run(study, path):
    return sb.run(sb.Study(**study), path, batch_size=4, workers=1)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return answers(run(STUDY, tmp_path_factory.mktemp("innocent") / "run.h5"))


def modes():
    hooks = len(nn.modules.module._global_forward_hooks)
    return torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), hooks


def of_culprit(title):
    return "culprit" in title


@pytest.mark.parametrize(("kind", "stage", "fault"), CASES[:: amount(7, 1)])
def test_the_culprit_is_named_and_other_cells_are_equal_to_the_bit(expected, tmp_path, kind, stage, fault):
    spec, target, _ = KINDS[kind]
    culprit = Component(spec("culprit", target), target(fault, stage))
    role = "conditions" if kind == "attacks" else kind
    study = STUDY | {role: [[culprit] if role == "conditions" else culprit, *STUDY[role]]}
    before = modes()
    try:
        results = run(study, tmp_path / "run.h5")
    except (PluginError, DataError) as error:  # a data set that cannot be counted is refused before anything is stored
        assert stage in ("classes", "len")
        assert "culprit" in str(error)
    else:
        found = answers(results)
        assert all(np.array_equal(found[key], array) for key, array in expected.items())
        assert all(of_culprit(failure.record.title) for failure in results.failures)
        restored = stage == "load" and fault in ("changes the default dtype", "hooks all modules", "enters autocast")
        restored |= stage == "load" and fault == "sets grad mode"
        if fault not in HARMLESS and not restored and stage != "read later":
            assert results.failures
    assert modes() == before


def test_modes_that_the_import_of_a_plugin_left_do_not_matter(expected, tmp_path):
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = answers(run(STUDY, tmp_path / "run.h5"))
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert all(np.array_equal(found[key], array) for key, array in expected.items())


HEAD = """
import attrs
from shapebias import plugin

@attrs.frozen
class Sepia: ...

@plugin.hookimpl
def shapebias_metrics():
    yield plugin.MetricSpec("whole", Sepia)

"""
BROKEN = {
    "import error": ("import nothing_of_that_name", "import", "No module named"),
    "syntax error": ("def", "import", "SyntaxError"),
    "exits when it is imported": ("raise SystemExit(3)", "import", "SystemExit: 3"),
    "ends a generator when it is imported": ("raise GeneratorExit", "import", "GeneratorExit"),
    "raises something other than an Exception": ("class Odd(BaseException): ...\nraise Odd", "import", "Odd"),
    "exits in its hook": ("raise SystemExit(3)", "hook", "SystemExit: 3"),
    "ends a generator in its hook": ("raise GeneratorExit", "hook", "GeneratorExit"),
    "recurses in its hook": ("return shapebias_transforms()", "hook", "RecursionError"),
    "yields for ever": (
        "for i in __import__('itertools').count(): yield plugin.TransformSpec(f't{i}', Sepia)",
        "hook",
        "stopped after 10000 specs; does its loop end",
    ),
    "yields the same for ever": (
        "while True: yield plugin.TransformSpec('t', Sepia)",
        "hook",
        "stopped after 21 specs",
    ),
    "yields nonsense for ever": ("while True: yield 7", "hook", "stopped after 20 specs; does its loop end"),
    "yields the wrong type": ("yield plugin.MetricSpec('t', Sepia)", "spec", "is not a TransformSpec"),
    "returns nothing": ("return None", "hook", "returned None"),
    "returns a number": ("return 7", "hook", "TypeError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_fails_while_it_is_found_is_a_problem_of_its_own(tmp_path, case):
    body, stage, words = BROKEN[case]
    source = f"{HEAD}{body}" if stage == "import" else HEAD + _hook(body)
    (tmp_path / "broken.py").write_text(source)
    (tmp_path / "whole.py").write_text(HEAD)
    broken, whole = (plugin for plugin in discover([tmp_path]) if plugin.source.startswith(str(tmp_path)))
    assert (stage, True) in [(problem.stage, words in problem.message) for problem in broken.problems]
    assert len(broken.problems) <= 21
    assert not whole.problems
    assert [spec.name for spec in whole.specs] == ["whole"]


def _hook(body):
    return f"@plugin.hookimpl\ndef shapebias_transforms():\n    {body}\n"
