"""Checkpoints and weight files that are damaged or made to mislead: a message that names them, and no code runs."""

from __future__ import annotations

import json
import os
import pickle
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

import shapebias
from shapebias.errors import ShapebiasError, StudyError, WeightsError
from shapebias.models.cnn import Cnn
from shapebias.networks.checkpoints import load_checkpoint, read_metadata, save_checkpoint
from shapebias.networks.weight_files import read_state_dict
from shapebias.study import Study

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(tmp_path):
    settings = Cnn(num_classes=8, width=4)
    save_checkpoint(tmp_path / "x.safetensors", settings.load(CPU), settings, "cnn")
    return tmp_path / "x.safetensors"


def rewrite(path, **changes):
    save_file(load_file(path), path, read_metadata(path) | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": '"cat"'}, 'its metadata are not valid: classes "cat"'),
        ({"classes": "[1, 2]"}, "its metadata are not valid: classes"),
        ({"classes": "[" * 10_000}, "its metadata are not valid: classes"),
        ({"classes": "no JSON"}, "its metadata are not valid: classes"),
        ({"mean": '["a", "b", "c"]'}, "its metadata are not valid: mean"),
        ({"mean": "[NaN, 0, 0]"}, "its metadata are not valid: mean"),
        ({"std": "[1, 1, 1, 1, 1]"}, "its metadata are not valid: std"),
        ({"std": "[0, 0, 0]"}, "its metadata are not valid: std"),
        ({"std": "[true, true, true]"}, "its metadata are not valid: std"),
        ({"input_size": "[1000000, 1000000]"}, "its metadata are not valid: input_size"),
        ({"input_size": "7"}, "its metadata are not valid: input_size"),
        ({"interpolation": '"magic"'}, "its metadata are not valid: interpolation"),
        ({"packed": '{"a": 1}'}, "its list of packed keys cannot be read"),
        ({"packed": '["nothing"]'}, "it lacks 'nothing', which its metadata list"),
        ({"model": "cnn:width=1000000000"}, "cannot be made here: cnn: 1 bad parameter"),
        ({"model": "cnn:" + "(" * 1000}, "cannot be made here"),
        ({"class": "os:system"}, "no installed plugin provides 'os'|is not a class of model settings"),
        ({"class": "shapebias.models.cnn"}, "cannot be made here"),
        ({"class": "shapebias.models:"}, "cannot be made here"),
    ],
)
def test_odd_metadata(checkpoint, changes, words):
    rewrite(checkpoint, **changes)
    with pytest.raises(WeightsError, match=words):
        load_checkpoint(checkpoint, CPU)


def test_a_checkpoint_of_itself(checkpoint):
    other = checkpoint.with_name("other.safetensors")
    other.write_bytes(checkpoint.read_bytes())
    for path, named in ((checkpoint, other), (other, checkpoint)):
        rewrite(path, model=f'checkpoint:"{named}"', **{"class": "shapebias.models.checkpoint:Checkpoint"})
    with pytest.raises(WeightsError, match="describes itself"):
        load_checkpoint(checkpoint, CPU)


def test_a_file_that_is_swapped_between_hash_and_load_is_noticed(checkpoint, tmp_path, monkeypatch):
    trained = checkpoint.read_bytes()
    load = torch.nn.Module.load_state_dict

    def swap(self, *arguments, **options):
        checkpoint.with_suffix(".new").write_bytes(trained)
        checkpoint.with_suffix(".new").replace(checkpoint)
        return load(self, *arguments, **options)

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", swap)
    study = Study("stimuli:images=8,size=32", f'checkpoint:"{checkpoint}"')
    with pytest.raises(StudyError, match=r"x\.safetensors changed while the study began"):
        shapebias.run(study, tmp_path / "run.h5")
    assert not (tmp_path / "run.h5").exists()


class Evil:
    def __reduce__(self):
        return os.system, ("touch code-ran",)


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.ckpt", "x.pt"])
def test_a_pickle_is_not_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps({"state_dict": Evil()}))
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / name)
    torch.save({"state_dict": Evil()}, tmp_path / name)
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / name)
    assert not (tmp_path / "code-ran").exists()


@pytest.mark.parametrize(
    "header",
    [
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 10**15]}},
        {"w": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {"w": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "v": {"dtype": "F32"}},
    ],
)
def test_a_safetensors_header_that_lies(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / "x.safetensors")


@pytest.mark.parametrize("length", [0, 2**63, 2**40])
def test_a_safetensors_header_of_another_length(tmp_path, length):
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", length) + b"{}" + bytes(8))
    with pytest.raises(ShapebiasError):
        read_state_dict(tmp_path / "x.safetensors")
    with pytest.raises(ShapebiasError):
        read_metadata(tmp_path / "x.safetensors")
