"""The same study gives the same answers however it is computed, also where memory runs out at any size."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from amounts import amount
from click.testing import CliRunner

import shapebias
from shapebias.cli import main
from shapebias.networks.classifier import Classifier
from shapebias.store import merge
from shapebias.study import Study

STUDY = Study(
    "stimuli:cue=conflict,images=24,size=32",
    "cnn:num_classes=8,width=4",
    ["clean", "saturate:p=8", "band-noise", "pgd:eps=4/255,steps=2"],
    saliency="smoothgrad:samples=3",
    seed=3,
)
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}  # convolutions of other batch sizes add up in another order


def answers(path, **options):
    results = shapebias.run(STUDY, path, **options)
    assert results.failures == []
    found = {f"{one.condition} logits": one.logits for one in results.answers()}
    found |= {f"{one.condition} prediction": one.prediction for one in results.answers()}
    return found | {f"{one.condition} {one.saliency}": one.maps for one in results.maps()}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return answers(tmp_path_factory.mktemp("expected") / "run.h5", batch_size=8, chunk=8, workers=1)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in found.items():
        if name.endswith("prediction"):
            np.testing.assert_array_equal(array, expected[name])
        else:
            np.testing.assert_allclose(array, expected[name], **ROUNDING)


COMBINATIONS = [(24, 24, 1), (1, 1, 1), (8, 3, 2), (5, 8, 4), (3, 24, 1), (24, 1, 3)]


@pytest.mark.parametrize(("batch_size", "chunk", "workers"), COMBINATIONS[: amount(2, len(COMBINATIONS))])
def test_sizes_and_workers(tmp_path, expected, batch_size, chunk, workers):
    assert_same(answers(tmp_path / "run.h5", batch_size=batch_size, chunk=chunk, workers=workers), expected)


@pytest.mark.parametrize("fits", [5, *range(1, 5), *range(6, 24)][: amount(1, 23)])
def test_memory_that_runs_out_at_every_larger_size(tmp_path, expected, monkeypatch, fits):
    """More images than fit end in the error that torch raises."""
    logits, refused = Classifier.logits, []

    def limited(self, images):
        if len(images) > fits:
            refused.append(len(images))
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return logits(self, images)

    monkeypatch.setattr(Classifier, "logits", limited)
    assert_same(answers(tmp_path / "run.h5", batch_size=24, chunk=24), expected)
    assert refused


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads(tmp_path, expected, threads):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert_same(answers(tmp_path / "run.h5", batch_size=8, chunk=8), expected)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("images", [60, 1, 20, 90, 110, 140, 170, 190][: amount(1, 8)])
def test_an_interrupted_run_continues_to_the_same(tmp_path, expected, images):
    def interrupt(progress):
        if progress.done > images:
            raise KeyboardInterrupt

    with pytest.raises(shapebias.runtime.progress.Interrupted):
        shapebias.run(STUDY, tmp_path / "run.h5", progress=interrupt, batch_size=8, chunk=8)
    assert_same(answers(tmp_path / "run.h5", batch_size=8, chunk=8), expected)


@pytest.mark.parametrize("count", [2, 3, 5, 8][: amount(1, 4)])
def test_shards_that_are_merged(tmp_path, expected, count):
    names = [tmp_path / f"{number}.h5" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        shapebias.run(STUDY, name, shard=f"{number}/{count}", batch_size=8, chunk=8).store.close()
    merge(names, tmp_path / "run.h5")
    assert_same(answers(tmp_path / "run.h5"), expected)


@pytest.mark.slow
def test_another_executor(tmp_path, expected):
    pytest.importorskip("ray")
    assert_same(answers(tmp_path / "run.h5", executor="ray:workers=2", batch_size=8, chunk=8), expected)


def test_two_machines_agree(tmp_path, expected):
    """The same study with another number of threads and other sizes, as another machine would choose them."""
    threads = torch.get_num_threads()
    try:
        study = Study("stimuli:cue=conflict,images=24,size=32", "cnn:num_classes=8,width=4")
        for name, sizes, number in (("here.h5", 8, 1), ("there.h5", 24, 2)):
            torch.set_num_threads(number)
            shapebias.run(study, tmp_path / name, batch_size=sizes, chunk=sizes, workers=number).store.close()
    finally:
        torch.set_num_threads(threads)
    words = ["compare", str(tmp_path / "here.h5"), str(tmp_path / "there.h5"), "--json"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert rows
    for row in rows:
        assert row["value"] == 0
        assert not row["lost"]
        assert not row["gained"]
        assert row["before"] == row["after"]


_RUN = """
import sys
from test_same_answers import STUDY, shapebias
shapebias.run(STUDY, sys.argv[1], batch_size=8, chunk=8)
"""


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_hash_seeds(tmp_path, expected, hash_seed):
    paths = os.pathsep.join([os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))])  # noqa: PTH120
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", _RUN, str(tmp_path / "run.h5")], check=True, env=environment)
    assert_same(answers(tmp_path / "run.h5"), expected)
