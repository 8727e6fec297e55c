"""A checkpoint of the version before is read, and its training is finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import shapebias as sb
from shapebias.networks.checkpoints import load_checkpoint
from shapebias.training.data import held_out

OLD = Path(__file__).parent / "old/trained.safetensors"
RECIPE = sb.Recipe(
    "cnn:num_classes=8,width=2,depth=2",
    "stimuli:images=64,size=32",
    "pgd:eps=4/255,steps=1,step_size=1,keep=last",
    ["saturate:p=2"],
    epochs=2,
    batch_size=16,
    eps_warmup=1,
    validation=0.25,
)


def test_its_training_is_not_repeated(tmp_path):
    file = Path(shutil.copy(OLD, tmp_path))
    trained = sb.train(RECIPE, file, progress=pytest.fail)
    assert trained.resumed == len(trained.history) == 2
    assert file.read_bytes() == OLD.read_bytes()


def test_its_accuracy_is_the_one_in_its_history(tmp_path):
    trained = sb.train(RECIPE, shutil.copy(OLD, tmp_path))
    dataset = RECIPE.dataset.settings
    samples = [dataset[row] for row in range(len(dataset))]
    rows = held_out([sample.label for sample in samples], [sample.id for sample in samples], 0.25, seed=0)
    pixels = torch.stack([torch.from_numpy(samples[row].image) for row in rows]).permute(0, 3, 1, 2) / 255
    network = load_checkpoint(OLD, torch.device("cpu"))
    with torch.no_grad(), network.evaluating():
        predicted = network(pixels).argmax(dim=1).tolist()
    right = sum(label == samples[row].label for row, label in zip(rows, predicted, strict=True))
    assert right / len(rows) == trained.validation.clean
