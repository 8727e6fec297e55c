"""Studies on a cluster of two nodes: the same results as here, whatever dies on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from shapebias_ray.worker import Surroundings, Worker
from torch import nn

import shapebias as sb
from shapebias.plugin import ShapebiasError
from shapebias.testing import checks, outcomes

NETWORK = "cnn:num_classes=8,width=2,depth=2"
STIMULI = "stimuli:cue=conflict,images=24,size=32"
MODELS = {"one": NETWORK, "two": f"{NETWORK},seed=1"}
STUDY = sb.Study(
    STIMULI, MODELS, ["clean", "patch-shuffle:k=2", "grayscale+pgd:eps=4/255,steps=2", "saturate:p=8"], "gradient"
)

# Each process that meets it dies, until enough have: only one of them can create a file, however many meet it at once.
DEADLY = """
import os, pathlib, signal
import attrs
from shapebias import plugin

def is_first(file):
    try:
        file.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

@attrs.frozen
class Deadly:
    folder: str = plugin.param("where deaths are counted")
    deaths: int = plugin.param("how many", default=1)

    def __call__(self, images, rng):
        if any(is_first(pathlib.Path(self.folder, str(death))) for death in range(self.deaths)):
            os.kill(os.getpid(), signal.SIGKILL)
        return 1 - images

@plugin.hookimpl
def shapebias_transforms():
    yield plugin.TransformSpec("deadly", Deadly, summary="deadly", references="nobody")
"""

GREEDY = """
import attrs, torch
from shapebias import plugin

@attrs.frozen
class Greedy:
    def __call__(self, images, rng):
        if len(images) > 4:
            raise torch.OutOfMemoryError("more than four images")
        return 1 - images

@plugin.hookimpl
def shapebias_transforms():
    yield plugin.TransformSpec("greedy", Greedy, summary="greedy", references="nobody")
"""

# Ray's memory monitor kills a worker with SIGKILL too.
HUNGRY = """
import os, pathlib, signal
import attrs
from shapebias import plugin

@attrs.frozen
class Hungry:
    folder: str = plugin.param("where deaths are counted")
    most: int = plugin.param("how many images fit", default=4)

    def __call__(self, images, rng):
        if len(images) > self.most:
            (pathlib.Path(self.folder) / str(os.getpid())).write_text(str(len(images)))
            os.kill(os.getpid(), signal.SIGKILL)
        return 1 - images

@plugin.hookimpl
def shapebias_transforms():
    yield plugin.TransformSpec("hungry", Hungry, summary="hungry", references="nobody")
"""

DRIVER = """
import os, signal, sys
import shapebias as sb

def kill(progress):
    if progress.status == "done":
        os.kill(os.getpid(), signal.SIGKILL)

study = sb.Study.from_toml(open(sys.argv[1]).read())
sb.run(study, sys.argv[2], device="cpu", executor=sys.argv[3], progress=kill)
"""


def same(found, wanted):
    """Check that two stores have equal cells and equal answers."""
    assert [cell.record for cell in found.store.cells()] == [cell.record for cell in wanted.store.cells()]
    for cell, other in zip(found.store.cells(), wanted.store.cells(), strict=True):
        assert (cell.status, cell.names) == (other.status, other.names)
        np.testing.assert_array_equal(cell.rows, other.rows)
        for name in cell.names:
            np.testing.assert_allclose(cell.array(name), other.array(name), atol=1e-5)
    for dataset, other in zip(found.store.datasets(), wanted.store.datasets(), strict=True):
        np.testing.assert_array_equal(dataset.array("ids"), other.array("ids"))


@pytest.fixture(scope="session")
def wanted(tmp_path_factory):
    return sb.run(STUDY, tmp_path_factory.mktemp("local") / "run.h5", device="cpu")


def test_a_study_is_the_same_as_here(executor, wanted, tmp_path):
    seen = []
    found = sb.run(STUDY, tmp_path / "run.h5", device="cpu", executor=executor, progress=seen.append)
    same(found, wanted)
    assert "2 workers of 1 CPU on 2 nodes" in found.store.header.device
    assert (seen[-1].done, seen[-1].cells_done) == (seen[-1].total, seen[-1].cells)
    assert {(each.workers, each.workers_lost) for each in seen} == {(2, 0)}


def test_a_worker_that_is_killed_in_a_cell_is_replaced(executor, plugins, tmp_path):
    plugins("deadly", DEADLY)  # also: one-file plugins are sent to the workers
    (tmp_path / "deaths").mkdir()
    study = sb.Study(STIMULI, MODELS, ["clean", f"deadly:folder={tmp_path}/deaths"], "gradient")
    seen = []
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=executor, progress=seen.append)
    assert seen[-1].workers_lost == 1
    assert found.failures == []
    same(found, sb.run(study, tmp_path / "local.h5", device="cpu"))


@pytest.mark.slow
def test_what_kills_two_workers_has_failed_and_the_rest_goes_on(executor, plugins, tmp_path):
    plugins("deadly", DEADLY)
    (tmp_path / "deaths").mkdir()
    study = sb.Study(
        STIMULI, {"one": NETWORK}, ["clean", f"bad=deadly:folder={tmp_path}/deaths,deaths=9", "saturate:p=8"]
    )
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=f"{executor},workers=1")
    assert len(list((tmp_path / "deaths").iterdir())) == 2
    assert [failure.record.condition.title for failure in found.failures] == ["bad"]
    assert "2 workers died while they computed this" in found.failures[0].error
    assert {answers.condition for answers in found.answers()} == {"clean", "saturate:p=8"}


@pytest.mark.slow
def test_a_node_that_is_removed_is_done_without(cluster, add_node, executor, wanted, tmp_path):
    node, seen = add_node(), []

    def remove(progress):
        if progress.status == "done" and not any(each.status == "done" for each in seen):
            cluster.remove_node(node)
        seen.append(progress)

    found = sb.run(STUDY, tmp_path / "run.h5", device="cpu", executor=f"{executor},workers=3", progress=remove)
    same(found, wanted)
    assert seen[0].workers == 3


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_continued(cluster, executor, wanted, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.to_toml())
    command = [sys.executable, "-c", DRIVER, tmp_path / "study.toml", tmp_path / "run.h5", executor]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL  # noqa: S603 - our own words
    assert 1 <= len(sb.open(tmp_path / "run.h5").store.cells()) < len(wanted.store.cells())
    same(sb.run(STUDY, tmp_path / "run.h5", device="cpu", executor=executor), wanted)


@pytest.mark.slow
def test_an_interrupted_run_keeps_what_is_finished(executor, wanted, tmp_path):
    def interrupt(progress):
        if progress.status == "done":
            raise KeyboardInterrupt

    with pytest.raises(sb.Interrupted):
        sb.run(STUDY, tmp_path / "run.h5", device="cpu", executor=executor, progress=interrupt)
    assert not (tmp_path / "run.h5.parts").exists()
    with sb.open(tmp_path / "run.h5") as found:
        assert 1 <= len(found.store.cells()) < len(wanted.store.cells())


@pytest.mark.slow
def test_memory_that_runs_out_on_a_worker_shrinks_its_batch(executor, plugins, tmp_path):
    plugins("greedy", GREEDY)
    study = sb.Study(STIMULI, NETWORK, "greedy")
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=f"{executor},workers=1")
    usual = sb.run(sb.Study(STIMULI, NETWORK, "invert"), tmp_path / "usual.h5", device="cpu")
    np.testing.assert_allclose(found.logits(), usual.logits(), atol=1e-5)


@pytest.fixture
def out_of_memory(monkeypatch):
    """Let deaths of workers look like those by Ray's memory monitor, which kills where a node runs out of memory."""
    import ray

    get = ray.get

    def ray_get(reference, **options):
        try:
            return get(reference, **options)
        except ray.exceptions.RayActorError as error:
            raise ray.exceptions.OutOfMemoryError(f"the node ran low on memory: {error}") from error

    monkeypatch.setattr(ray, "get", ray_get)


@pytest.mark.slow
@pytest.mark.usefixtures("out_of_memory")
def test_a_worker_that_is_killed_for_its_memory_is_replaced_by_one_with_smaller_batches(executor, plugins, tmp_path):
    plugins("hungry", HUNGRY)
    (tmp_path / "deaths").mkdir()
    study = sb.Study(STIMULI, NETWORK, [f"hungry:folder={tmp_path}/deaths", "clean"])
    how = {"device": "cpu", "batch_size": 16}
    found = sb.run(study, tmp_path / "run.h5", executor=f"{executor},workers=1", **how)
    assert sorted(file.read_text() for file in (tmp_path / "deaths").iterdir()) == ["16", "8"]
    assert found.failures == []
    usual = sb.run(sb.Study(STIMULI, NETWORK, ["invert", "clean"]), tmp_path / "usual.h5", device="cpu")
    for condition, wanted in zip((study.conditions[0].title, "clean"), ("invert", "clean"), strict=True):
        np.testing.assert_allclose(found.logits(condition=condition), usual.logits(condition=wanted), atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("out_of_memory")
def test_one_image_that_does_not_fit_into_the_memory_of_a_node_has_failed(executor, plugins, tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias_ray.scheduling._MOST_HALVINGS", 1)
    plugins("hungry", HUNGRY)
    (tmp_path / "deaths").mkdir()
    study = sb.Study(STIMULI, NETWORK, [f"bad=hungry:folder={tmp_path}/deaths,most=0", "clean"])
    found = sb.run(study, tmp_path / "run.h5", device="cpu", batch_size=2, executor=f"{executor},workers=1")
    assert sorted(file.read_text() for file in (tmp_path / "deaths").iterdir()) == ["1", "1", "2"]
    assert [failure.record.condition.title for failure in found.failures] == ["bad"]
    assert "the node ran low on memory" in found.failures[0].error
    assert [answers.condition for answers in found.answers()] == ["clean"]


def test_live_networks_are_sent_if_they_can_be_pickled(executor, network, tmp_path):
    study = sb.Study(STIMULI, {"net": network})
    found = sb.run(study, tmp_path / "run.h5", device="cpu", executor=f"{executor},workers=1")
    np.testing.assert_allclose(found.logits(), sb.run(study, tmp_path / "local.h5").logits(), atol=1e-5)
    network.lock = threading.Lock()
    with pytest.raises(ShapebiasError, match=r"network 'net' cannot be sent .*import:MODULE:FACTORY"):
        sb.run(study, tmp_path / "other.h5", executor=executor)
    assert not (tmp_path / "other.h5.parts").exists()


@pytest.mark.slow
def test_code_that_a_node_does_not_have_is_named(executor, network, tmp_path, monkeypatch):
    module = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    module.Network = type("Network", (nn.Sequential,), {"__module__": "only_here"})
    study = sb.Study(STIMULI, {"net": module.Network(*network)})
    with pytest.raises(ShapebiasError, match=r"node \S+: the study cannot be read there: .*'only_here'.* every node"):
        sb.run(study, tmp_path / "run.h5", executor=f"{executor},workers=1")


def test_a_path_that_a_node_does_not_see_is_named_before_anything_is_stored(executor, tmp_path, monkeypatch):
    monkeypatch.setattr("shapebias_ray.executor._paths", lambda plan: ["/data/imagenet"])
    with pytest.raises(ShapebiasError, match=r"node \S+: /data/imagenet not found there; .* every node sees"):
        sb.run(STUDY, tmp_path / "run.h5", executor=executor)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_models_are_checked_on_the_workers(executor, tmp_path):
    study = sb.Study(STIMULI, {"narrow": "cnn:num_classes=5,width=2", "good": NETWORK})
    with pytest.raises(ShapebiasError, match="5"):
        sb.run(study, tmp_path / "run.h5", device="cpu", executor=executor)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"paths": ("a", "b")}, "a and 1 more not found there"),
        ({"version": "0.0"}, "not 0.0; install the same everywhere"),
        ({}, ""),
    ],
)
def test_what_a_node_lacks_is_said(changes, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual = {"version": sb.__version__, "folder": str(tmp_path), "environment": {}, "plugins": {}, "paths": ()}
    assert problem in Worker()._prepare(Surroundings(**{**usual, **changes}))  # noqa: SLF001 - the rest needs a cluster


def test_workers_that_fit_nowhere_are_refused(cluster, tmp_path):
    with pytest.raises(ShapebiasError, match="no node of the cluster has 64 CPU cores and 0 GPUs"):
        sb.run(STUDY, tmp_path / "run.h5", executor="ray:cpus_per_worker=64")


@pytest.mark.slow
def test_the_executor_keeps_to_the_contract(executor):
    found = list(outcomes(checks("shapebias-ray", [f"{executor},workers=2"])))
    assert [each.message for each in found if each.status == "failed"] == []


@pytest.fixture
def network():
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 8)).requires_grad_(requires_grad=False)
