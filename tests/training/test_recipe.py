"""A recipe: what it reads, what it refuses, and the way into TOML and back."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.attacks.pgd import Pgd
from shapebias.errors import ShapebiasError, StudyError
from shapebias.models.cnn import Cnn
from shapebias.training.recipe import Recipe
from shapebias.transforms.saturate import Saturate

MODEL, DATASET = "cnn:num_classes=8", "stimuli:images=56"
TOML = """
model = "cnn:num_classes=8"
dataset = "stimuli:images=56"
attack = "pgd:eps=8/255,steps=7"
transforms = ["grayscale", "saturate:p=16"]
flip = true
crop = 4
epochs = 12
batch_size = 64
optimiser = "adamw"
lr = 0.003
weight_decay = 1
schedule = "cosine"
eps_warmup = 2.5
validation = "stimuli:images=56,seed=1"
validation_attack = "pgd"
keep = "last"
match = "at.safetensors"
seed = 7
precision = "bfloat16"
"""


def test_a_recipe_file_is_what_python_makes():
    assert Recipe.from_toml(TOML) == Recipe(
        Cnn(num_classes=8),
        DATASET,
        Pgd(eps=8 / 255, steps=7),
        ["grayscale", Saturate(p=16)],
        flip=True,
        crop=4,
        epochs=12,
        batch_size=64,
        optimiser="adamw",
        lr=0.003,
        weight_decay=1,
        schedule="cosine",
        eps_warmup=2.5,
        validation="stimuli:images=56,seed=1",
        validation_attack="pgd",
        keep="last",
        match=Path("at.safetensors"),
        seed=7,
        precision="bfloat16",
    )


def test_a_recipe_survives_the_way_into_toml_and_back():
    for recipe in (Recipe.from_toml(TOML), Recipe(MODEL, DATASET)):
        assert Recipe.from_toml(recipe.to_toml()) == recipe


@given(
    st.floats(1e-9, 1e3),
    st.just(0.0) | st.floats(1e-9, 0.999),
    st.integers(0, 2**63 - 1),
    st.floats(0.001, 0.999),
    st.just(0.0) | st.floats(1e-9, 30),
)
@settings(max_examples=40, deadline=None)
def test_any_numbers_survive(lr, momentum, seed, share, warmup):
    recipe = Recipe(
        MODEL, DATASET, "fgsm", lr=lr, momentum=momentum, seed=seed, validation=share, epochs=30, eps_warmup=warmup
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_all_problems_are_told_at_once_with_paths():
    text = """
    modle = "cnn"
    dataset = "stimulii"
    attack = "pgd:eps=8/255,step_size=-1"
    transforms = ["grayscale", "satruate"]
    epochs = 0
    lr = "fast"
    validation = 2
    flip = 1
    """
    with pytest.raises(StudyError) as caught:
        Recipe.from_toml(text, "at.toml")
    title, *lines = str(caught.value).splitlines()
    assert title == "at.toml cannot run:"
    paths = [line.strip().split(": ")[0] for line in lines if re.match("  [a-z]", line) and ": " in line]
    assert [path for path in paths if path not in {"known", "parameters of pgd"}] == [
        "modle", "model", "dataset", "attack", "transforms[1]", "flip", "epochs", "lr", "validation",
    ]  # fmt: skip
    assert "modle: unknown key; did you mean 'model'?" in str(caught.value)
    assert "did you mean 'stimuli'?" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "timm"}, "model: timm: 1 bad parameter"),
        ({"dataset": "cnn"}, "dataset: no dataset is called 'cnn'; 'cnn' is of the kind model"),
        ({"attack": "pgd:eps=1/255,2/255"}, "attack: 'pgd:eps=1/255,2/255' has 2 values of eps; training takes one"),
        ({"validation_attack": "pgd:eps=1/255,2/255"}, "validation_attack: 'pgd:eps=1/255,2/255' has 2 values of eps"),
        ({"eps_warmup": 3}, "eps_warmup: is 3, but no attack has an eps"),
        ({"attack": "pgd", "eps_warmup": 31}, "eps_warmup: is 31, longer than the 30 epochs of training"),
        ({"validation": DATASET}, "validation: is the training set itself"),
        ({"validation": 1.0}, "validation: a share of the training images is between 0 and 1, got 1.0"),
        ({"validation": 0}, "validation: a share of the training images is between 0 and 1, got 0"),
        ({"validation": True}, "validation: no plugin provides True as a dataset"),
        ({"momentum": 1.0}, "momentum: must be < 1, got 1"),
        ({"schedule": "cyclic"}, "schedule: must be one of one-cycle|cosine|constant, got 'cyclic'"),
        ({"seed": -1}, "seed: must be >= 0, got -1"),
    ],
)
def test_what_cannot_be_a_recipe(changes, message):
    with pytest.raises(ShapebiasError, match=re.escape(message)):
        Recipe(**({"model": MODEL, "dataset": DATASET} | changes))


def test_everything_that_is_named_is_a_component():
    recipe = Recipe.from_toml(TOML)
    assert [*recipe.components] == [
        "model", "dataset", "attack", "validation", "validation_attack", "transforms[0]", "transforms[1]",
    ]  # fmt: skip
    assert [*Recipe(MODEL, DATASET).components] == ["model", "dataset"]


def test_each_field_is_documented():
    arguments = Recipe.__doc__.partition("Args:")[2].partition("Raises:")[0]
    assert re.findall(r"^        (\w+)(?=[:,])", arguments, re.MULTILINE) == [
        field.name for field in attrs.fields(Recipe)
    ]
