"""Several processes that train together give what one gives."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from training_problem import small, two_cues

from shapebias.errors import DeviceError, StudyError
from shapebias.networks.checkpoints import read_metadata
from shapebias.training.data import TrainingData
from shapebias.training.distributed import Processes, train_on_devices

CPU = torch.device("cpu")
PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
NETWORK = """
import attrs
import shapebias as sb
from shapebias import plugin
import torch
from torch import nn


@attrs.frozen
class Plain:
    '''A network without batch statistics.'''

    def load(self, device):
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            layers = [nn.Conv2d(3, 8, 3, 2), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
            network = nn.Sequential(*layers, nn.Linear(32, 8))
        return sb.Classifier(network.to(device))


@plugin.hookimpl
def shapebias_models():
    yield plugin.ModelSpec("plain", Plain, summary="without batch statistics")
"""
RECIPE = """
model = "plain"
dataset = "stimuli:images=150,size=16"
validation = "stimuli:images=51,size=16,seed=1"
attack = "pgd:eps=4/255,steps=1"
flip = true
crop = 2
epochs = 3
batch_size = 40
"""


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(tmp_path):
    """150 images are four batches of 38 and 37, so that the shares of the processes differ in size."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "plain.py").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "standard.toml").write_text(RECIPE, encoding="utf-8")
    torchrun, *train = re.search(r"^\$ (torchrun .*)(-m shapebias .*)", PAGE, re.MULTILINE).groups()
    train = [*shlex.split(*train), "--device", "cpu", "-o"]
    together = ["-m", "torch.distributed.run", *shlex.split(torchrun)[1:]]

    def start(*arguments):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SHAPEBIAS_PLUGINS_DIR": "plugins"}
        command = [sys.executable, *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

    processes = [start(*train, "one.safetensors"), start(*together, *train, "two.safetensors")]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert said[1] == said[0].replace("one.", "two.")  # only the first process speaks
    one, two = (safetensors.torch.load_file(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(two[name], tensor, rtol=1e-4, atol=1e-6), name
    histories = [json.loads(read_metadata(tmp_path / f"{name}.safetensors")["history"]) for name in ("one", "two")]
    for before, after in zip(*histories, strict=True):
        assert after == pytest.approx(before)


FATAL = """
import os, pathlib, signal
import attrs
from shapebias import plugin


@attrs.frozen
class Fatal:
    '''Kills the second process in its second epoch, once.'''

    marker: str = plugin.param("a file that is made before")

    def __call__(self, images, rng):
        second_epoch = any(pathlib.Path().glob("*.unfinished"))
        if os.environ.get("RANK") == "1" and second_epoch and not os.path.exists(self.marker):
            pathlib.Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return images


@plugin.hookimpl
def shapebias_transforms():
    yield plugin.TransformSpec("fatal", Fatal, summary="kills", references="nobody")
"""


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_and_the_training_continues(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "plain.py").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "plugins" / "fatal.py").write_text(FATAL, encoding="utf-8")
    recipe = RECIPE.replace("attack = ", 'transforms = ["fatal:marker=killed"]\nattack = ')
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")

    def trained(name, *options):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SHAPEBIAS_PLUGINS_DIR": "plugins"}
        command = [sys.executable, "-m", "shapebias", "train", "recipe.toml", "--device", "cpu", "-o", name, *options]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=300)

    first = trained("two.safetensors", "--devices", "2")
    assert first.returncode == 1
    assert b"run the same command again" in first.stderr
    assert (tmp_path / "killed").exists()
    assert not (tmp_path / "two.safetensors").exists()
    assert trained("two.safetensors", "--devices", "2").returncode == 0
    assert trained("one.safetensors").returncode == 0
    one, two = (safetensors.torch.load_file(tmp_path / f"{name}.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(two[name], tensor, rtol=1e-4, atol=1e-6) for name, tensor in one.items())


def test_devices_are_refused_inside_of_torchrun_and_without_accelerate(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"shapebias\[distributed\]"):
        train_on_devices(2, ["train"], "cpu")
    monkeypatch.setattr("torch.distributed.is_torchelastic_launched", lambda: True)
    with pytest.raises(DeviceError, match="started the processes already; leave out --devices"):
        train_on_devices(2, ["train"], "cpu")


def test_more_devices_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(DeviceError, match="--devices 2: torch sees 1 CUDA devices"):
        train_on_devices(2, ["train"])


def test_the_shares_of_the_processes_are_the_batches_of_one():
    recipe = small(dataset=two_cues(images=97), batch_size=32, flip=True)
    whole = list(TrainingData.open(recipe, Processes(CPU)).batches(1))
    shares = [list(TrainingData.open(recipe, Processes(CPU, rank, count=3)).batches(1)) for rank in range(3)]
    for batch, parts in zip(whole, zip(*shares, strict=True), strict=True):
        images = dict(zip(batch.ids, batch.images, strict=True))
        assert sorted(batch.ids) == sorted(name for part in parts for name in part.ids)
        for part in parts:
            assert all(torch.equal(image, images[name]) for name, image in zip(part.ids, part.images, strict=True))


def test_every_validation_image_belongs_to_one_process():
    data = [TrainingData.open(small(batch_size=5), Processes(CPU, rank, count=3)) for rank in range(3)]
    names = [name for one in data for batch in one.validating() for name in batch.ids]
    assert sorted(names) == sorted(f"{position}.png" for position in range(32))


def test_more_processes_than_images_a_step_are_refused():
    with pytest.raises(StudyError, match="5 processes cannot share 4 images"):
        TrainingData.open(small(batch_size=4), Processes(CPU, count=5))


def test_a_process_without_torchrun_is_alone():
    assert (Processes.join("cpu").count, Processes.join("cpu").first, Processes.speaks()) == (1, True, True)


@pytest.fixture
def torchrun(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("RANK", "1")


@pytest.mark.usefixtures("torchrun")
def test_one_gpu_for_several_processes_is_refused():
    assert not Processes.speaks()
    with pytest.raises(DeviceError, match="device 'cuda:0': torchrun gives each process its own GPU; use auto"):
        Processes.join("cuda:0")


@pytest.mark.usefixtures("torchrun")
def test_without_accelerate_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(DeviceError, match=r"needs Accelerate; pip install 'shapebias\[distributed\]'"):
        Processes.join("cpu")
