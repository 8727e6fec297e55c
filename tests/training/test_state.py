"""What belongs to which recipe, what is refused, and what a kill leaves behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import attrs
import pytest
import safetensors
import safetensors.torch
import torch

from shapebias.errors import DataError, TrainingError
from shapebias.training.loop import train
from shapebias.training.recipe import Recipe
from shapebias.training.state import Identity, read_recipe, read_trained, state_file

RECIPE = Recipe(
    "cnn:num_classes=8,width=4,depth=2", "stimuli:images=56,size=16", "fgsm", epochs=2, validation=0.2, batch_size=16
)


@pytest.fixture
def output(tmp_path):
    path = tmp_path / "at.safetensors"
    train(RECIPE, path)
    return path


def rewrite(path, **metadata):
    with safetensors.safe_open(path, "pt") as file:
        described = file.metadata() | metadata
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, described)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"lr": 0.05}, "lr"),
        ({"attack": "fgsm:eps=4/255"}, "attack"),
        ({"attack": None, "seed": 3}, "attack, seed"),
        ({"transforms": ["grayscale"]}, "transforms"),
    ],
)
def test_another_recipe_under_the_same_name_is_refused(output, changes, names):
    before = output.read_bytes()
    with pytest.raises(
        TrainingError, match=rf"at.safetensors was trained with another recipe: different {names}; choose"
    ):
        train(attrs.evolve(RECIPE, **changes), output)
    assert output.read_bytes() == before
    train(attrs.evolve(RECIPE, **changes), output, replace=True)
    assert read_trained(output, Identity.of(attrs.evolve(RECIPE, **changes))).resumed == 2


def test_a_parameter_that_came_later_changes_nothing(output):
    """The text of an older version lacks it, and reads as its default."""
    older = RECIPE.to_toml().replace(",noise_of_the_future=0", "").replace("label_smoothing = 0\n", "")
    rewrite(output, recipe=older.replace('keep = "best"\n', "").replace(",keep=first", ""))
    assert train(RECIPE, output).resumed == 2


@pytest.mark.parametrize("content", [b"", b"notes"])
def test_a_file_of_another_kind_is_not_overwritten(tmp_path, content):
    path = tmp_path / "notes.safetensors"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"notes.safetensors would be overwritten: choose another output, or"):
        train(RECIPE, path)
    assert path.read_bytes() == content


def test_a_checkpoint_without_a_recipe_is_not_overwritten(output):
    rewrite(output, recipe="handmade")
    with pytest.raises(TrainingError, match=r"at.safetensors exists, and was not trained with a recipe"):
        train(RECIPE, output)


def test_images_that_changed_are_noticed(tmp_path):
    from PIL import Image

    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((16, 16), 50).convert("RGB").save(tmp_path / "photos" / name)
    recipe = Recipe("cnn:num_classes=2,width=4,depth=2", f"folder:{tmp_path}/photos", epochs=1, validation=0.5)
    train(recipe, tmp_path / "a.safetensors")
    assert train(recipe, tmp_path / "a.safetensors").resumed == 1
    (tmp_path / "photos/a/1.png").unlink()
    with pytest.raises(TrainingError, match=r"dataset its content changed since .*a.safetensors was trained"):
        train(Recipe.from_toml(recipe.to_toml()), tmp_path / "a.safetensors")


def test_the_checkpoint_to_match_is_part_of_the_identity(tmp_path, output):
    matched = attrs.evolve(RECIPE, match=output, attack=None)
    before = Identity.of(matched)
    train(attrs.evolve(RECIPE, seed=1), output, replace=True)
    assert Identity.of(matched).files != before.files
    with pytest.raises(DataError, match=r"nowhere.safetensors cannot be read"):
        Identity.of(attrs.evolve(RECIPE, match=tmp_path / "nowhere.safetensors"))


KILLED = """
import os, signal, sys
from pathlib import Path
from shapebias.training.loop import train
from shapebias.training.recipe import Recipe

def kill(progress):
    if progress.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

train(Recipe.from_toml(sys.argv[1]), sys.argv[2], progress=kill)
"""


def test_a_kill_loses_no_finished_epoch(tmp_path):
    killed = tmp_path / "killed.safetensors"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), RECIPE.to_toml(), killed], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [*tmp_path.glob("[!.]*")] == [state_file(killed)]
    with pytest.raises(
        TrainingError, match=r"killed.safetensors.unfinished was trained with another recipe: different lr"
    ):
        train(attrs.evolve(RECIPE, lr=0.01), killed)
    assert train(RECIPE, killed).resumed == 1
    train(RECIPE, tmp_path / "whole.safetensors")
    first, second = (
        safetensors.torch.load_file(tmp_path / name) for name in ("killed.safetensors", "whole.safetensors")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert sorted(tmp_path.glob("[!.]*")) == [killed, tmp_path / "whole.safetensors"]


def test_a_damaged_state_is_told(tmp_path):
    path = tmp_path / "at.safetensors"
    state_file(path).write_bytes(b"half of it")
    with pytest.raises(
        TrainingError, match=r"at.safetensors.unfinished cannot be read safely: it is damaged, or .*; choose another"
    ):
        train(RECIPE, path)
    train(RECIPE, path, replace=True)
    assert path.exists()


def test_a_state_can_run_nothing(tmp_path):
    path = tmp_path / "at.safetensors"
    torch.save({"recipe": Identity}, state_file(path))
    with pytest.raises(TrainingError, match=r"holds more than tensors and plain values"):
        train(RECIPE, path)


def test_the_metadata_are_for_people_too(output):
    with safetensors.safe_open(output, "pt") as file:
        said = file.metadata()
    assert json.loads(said["files"]) == {}
    assert 'attack = "fgsm:eps=8/255' in said["recipe"]


def test_a_checkpoint_of_earlier_names_belongs_to_the_same_recipe(tmp_path):
    """The file was trained by ``pgd:eps=2/255,steps=1,step=1.25`` and is never trained again."""
    old = Path(shutil.copy(Path(__file__).parent / "old" / "before-step-size.safetensors", tmp_path))
    recipe = Recipe(
        "cnn:num_classes=8,width=2",
        "stimuli:images=56,size=16",
        "pgd:eps=2/255,steps=1,step_size=1.25",
        epochs=1,
        batch_size=28,
    )
    assert "step=5/4" in safetensors.safe_open(old, "pt").metadata()["recipe"].replace("1.25", "5/4")
    assert read_trained(old, Identity.of(recipe)) is not None
    assert read_recipe(old) == recipe
