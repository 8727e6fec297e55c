"""``shapebias train``: which recipe the options make, what it says, and the whole way to a study."""

from __future__ import annotations

import re

import pytest

from shapebias.cli.train import _describe
from shapebias.runtime.progress import Interrupted
from shapebias.training.loop import TrainingProgress
from shapebias.training.recipe import Recipe
from shapebias.training.state import Epoch, Trained

DATASET = "stimuli:images=56,size=16"
MODEL = "cnn:num_classes=8,width=4,depth=2"
TOML = f"""
model = "{MODEL}"
dataset = "{DATASET}"
attack = "pgd:eps=4/255"
epochs = 3
flip = true
"""


@pytest.fixture
def ask(cli, monkeypatch):
    """Run the command up to the training, and return what it asks for."""
    calls = []

    def stand_in(recipe, output, **how):
        calls.append((recipe, output, how))
        return Trained(output, (Epoch(1.0, 0.5, None),), 1)

    monkeypatch.setattr("shapebias.training.loop.train", stand_in)

    def run(*arguments):
        result = cli("train", *arguments)
        assert result.exit_code == 0, result.output
        return calls[-1]

    return run


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "at.toml"
    path.write_text(TOML)
    return path


def test_every_field_of_a_recipe_has_an_option(ask):
    recipe, output, how = ask(
        "-m", MODEL, "-d", DATASET, "-a", "fgsm", "-t", "grayscale", "-t", "saturate:p=8", "--flip", "--crop", 2,
        "--epochs", 3, "--batch-size", 16, "--optimiser", "adamw", "--lr", 0.01, "--momentum", 0.5,
        "--weight-decay", 0.1, "--schedule", "cosine", "--eps-warmup", 1.5, "--validation", 0.25,
        "--validation-attack", "pgd", "--keep", "last", "--match", "other.safetensors", "--seed", 7,
        "--precision", "bfloat16", "-o", "at.safetensors", "--device", "cpu", "--workers", 3,
    )  # fmt: skip
    assert recipe == Recipe(
        MODEL, DATASET, "fgsm", ["grayscale", "saturate:p=8"], flip=True, crop=2, epochs=3, batch_size=16,
        optimiser="adamw", lr=0.01, momentum=0.5, weight_decay=0.1, schedule="cosine", eps_warmup=1.5, validation=0.25,
        validation_attack="pgd", keep="last", match="other.safetensors", seed=7, precision="bfloat16",
    )  # fmt: skip
    assert output == "at.safetensors"
    assert callable(how.pop("progress"))
    assert how == {"device": "cpu", "workers": 3, "replace": False}


def test_a_recipe_file_alone_names_its_checkpoint(ask, recipe_file):
    recipe, output, _ = ask(recipe_file)
    assert recipe == Recipe.from_toml(TOML)
    assert output == "at.safetensors"


def test_options_replace_the_values_of_the_file(ask, recipe_file):
    recipe, output, _ = ask(recipe_file, "--epochs", 5, "--no-flip", "-a", "fgsm", "-o", "other.safetensors")
    assert (recipe.epochs, recipe.flip, recipe.attack.text, output) == (5, False, "fgsm:eps=8/255", "other.safetensors")


def test_validation_is_a_share_or_a_data_set(ask, recipe_file):
    assert ask(recipe_file, "--validation", "0.2")[0].validation == 0.2
    assert ask(recipe_file, "--validation", "stimuli:seed=1")[0].validation.settings.seed == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a model with -m and a data set with -d, or a recipe file"),
        (("-m", MODEL), "give a model with -m and a data set with -d, or a recipe file"),
        (("-m", MODEL, "-d", DATASET), "give the checkpoint's name with -o"),
        (("-m", "cn", "-d", DATASET, "-o", "a"), "the recipe cannot run:\n  model: no model is called 'cn'"),
        (("at.toml", "--lr", "-1"), "at.toml cannot run:\n  lr: must be > 0, got -1"),
        (("at.toml", "--optimiser", "adam"), "'adam' is not one of 'sgd', 'adamw'"),
    ],
)
def test_what_is_wrong_is_told(cli, recipe_file, arguments, message):
    result = cli("train", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_from_the_recipe_to_the_study(cli, recipe_file):
    done = cli("train", recipe_file, "--epochs", 1, "--batch-size", 16)
    assert re.fullmatch(
        r"at.safetensors: epoch 1 of 1, validation accuracy 0\.\d{3} clean, 0\.\d{3} under attack\n", done.stdout
    ), done.output
    again = cli("train", recipe_file, "--epochs", 1, "--batch-size", 16)
    assert again.stdout == f"at.safetensors was already trained with this recipe.\n{done.stdout}"
    other = cli("train", recipe_file, "--epochs", 2)
    assert other.exit_code == 2
    assert "Error: at.safetensors was trained with another recipe: different epochs, batch_size;" in other.stderr
    study = cli("run", "-d", DATASET, "-m", "checkpoint:at.safetensors", "-o", "run.h5")
    assert study.exit_code == 0, study.output
    assert "checkpoint:at.safetensors  clean" in study.stdout


def test_quiet_is_quiet(cli, recipe_file):
    assert cli("train", recipe_file, "--epochs", 1, "-q").output == ""


def test_an_interruption_is_told_with_the_status_of_shells(cli, recipe_file, monkeypatch):
    def stop(*_, **__):
        raise Interrupted("interrupted; 2 finished epochs are in at.safetensors.unfinished")

    monkeypatch.setattr("shapebias.training.loop.train", stop)
    result = cli("train", recipe_file)
    assert (result.exit_code, result.stdout) == (130, "")
    assert "2 finished epochs" in result.stderr


def test_the_bar_says_epoch_loss_and_accuracies():
    assert _describe(TrainingProgress(32, 96, 1, 2.0794, None)) == "epoch 1, loss 2.079"
    assert _describe(TrainingProgress(64, 96, 2, 1.5, Epoch(1.6, 0.75))) == "epoch 2, loss 1.500, validation 0.750"
    after = _describe(TrainingProgress(64, 96, 2, 1.5, Epoch(1.6, 0.75, 0.5)))
    assert after == "epoch 2, loss 1.500, validation 0.750 clean, 0.500 under attack"
