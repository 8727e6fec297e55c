"""Networks that a named function makes."""

from __future__ import annotations

import textwrap

import pytest
import torch
from safetensors.torch import save_file

import shapebias as sb
from shapebias.errors import ShapebiasError, SpellingError, WeightsError
from shapebias.models.imported import ImportedModel
from shapebias.networks.checkpoints import load_checkpoint, save_checkpoint

CPU = torch.device("cpu")
SOURCE = """
from torch import nn
import shapebias as sb

def make(width=4, outputs=8):
    return nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(width, outputs))

def function():
    return lambda images: {"scores": images.mean(dim=(1, 2))}

def classifier():
    return sb.Classifier(make(), mean=(0.0,) * 3, std=(1.0,) * 3)

def broken():
    raise RuntimeError("no weights here")

def number():
    return 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """Write a module of a name of its own into the current folder."""
    name = f"networks_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    return name


def test_a_study_names_it_by_text(module, tmp_path):
    study = sb.Study("stimuli:cue=conflict,images=56,size=32", f"import:{module}:make,arg.width=6", limit=8)
    assert sb.Study.from_toml(study.to_toml()) == study
    with sb.run(study, tmp_path / "run.h5") as results:
        assert not results.failures
    model = study.models[0].load(CPU)
    assert model.features.module is model.module[1]


def test_random_weights_are_those_of_the_seed(module):
    first, again, other = (ImportedModel(f"{module}:make", seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_the_source_is_part_of_the_identity(module, tmp_path):
    before = ImportedModel(f"{module}:make").fingerprint
    (tmp_path / f"{module}.py").write_text(SOURCE + "\n# changed\n")
    assert ImportedModel(f"{module}:make").fingerprint != before


def test_functions_and_classifiers_are_taken(module):
    images = torch.rand(2, 3, 8, 8)
    function = ImportedModel(f"{module}:function", output="scores", layout="NHWC", mean=0, std=1).load(CPU)
    assert torch.allclose(function(images), images.mean(dim=(2, 3)))
    assert ImportedModel(f"{module}:classifier").load(CPU).mean == (0.0,) * 3


def test_weights_are_read_without_their_prefix(module, tmp_path):
    trained = ImportedModel(f"{module}:make", seed=5).load(CPU).module
    state = {f"net.{key}": value for key, value in trained.state_dict().items()} | {"other.x": torch.zeros(1)}
    save_file(state, tmp_path / "net.safetensors")
    found = ImportedModel(f"{module}:make", weights=tmp_path / "net.safetensors", prefix="net.").load(CPU)
    assert torch.equal(found.module[0].weight, trained[0].weight)
    with pytest.raises(WeightsError, match=r"most keys begin with: net\."):
        ImportedModel(f"{module}:make", weights=tmp_path / "net.safetensors", prefix="module.").load(CPU)


def test_a_normalisation_in_the_weight_file_is_used_unless_one_is_given(module, tmp_path):
    state = ImportedModel(f"{module}:make", seed=5).load(CPU).module.state_dict()
    state = {f"1.{key}": value for key, value in state.items()}
    state |= {"0.mean": torch.tensor([0.25, 0.5, 0.75]), "0.std": torch.full((3,), 0.5)}
    save_file(state, tmp_path / "net.safetensors")
    found = ImportedModel(f"{module}:make", weights=tmp_path / "net.safetensors").load(CPU)
    assert (found.mean, found.std) == ((0.25, 0.5, 0.75), (0.5,) * 3)
    given = ImportedModel(f"{module}:make", weights=tmp_path / "net.safetensors", mean=0, std=1).load(CPU)
    assert (given.mean, given.std) == ((0.0,) * 3, (1.0,) * 3)
    assert ImportedModel(f"{module}:make").load(CPU).mean == sb.Classifier(torch.nn.Identity()).mean


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere_at_all:make", "^import:nowhere_at_all:make: the module .* cannot be imported"),
        ("{module}:mak", r"^import:\w+:mak: .*did you mean 'make'"),
        ("{module}:broken", "no weights here"),
        ("{module}:number", r"returns \d+; return a network"),
    ],
)
def test_what_cannot_be_made_is_named(module, target, words):
    with pytest.raises(ShapebiasError, match=words):
        ImportedModel(target.format(module=module)).load(CPU)


def test_a_target_is_a_module_and_a_function():
    with pytest.raises(SpellingError, match="MODULE:FUNCTION"):
        ImportedModel("networks")


def test_a_checkpoint_does_not_run_what_it_names(module, tmp_path):
    """A weight file from elsewhere must not choose the code that runs."""
    settings = ImportedModel(f"{module}:make")
    save_checkpoint(tmp_path / "a.safetensors", settings.load(CPU), settings, "import")
    with pytest.raises(WeightsError, match="run code"):
        load_checkpoint(tmp_path / "a.safetensors", CPU)
