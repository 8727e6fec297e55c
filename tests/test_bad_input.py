"""Whatever a user gives by mistake ends in a message that names the thing, its value and the way out.

The exit status is 2 where nothing could run, and 1 where some cells failed while the others went on.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torchvision
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

from shapebias.cli import main
from shapebias.models.cnn import Cnn
from shapebias.networks.checkpoints import save_checkpoint
from shapebias.plugins.catalog import default_catalog

CNN = "cnn:num_classes=2,width=4"
STUDY = """
datasets = ["stimulii"]
conditions = ["saturate:p=-1"]
sede = 3
limit = 0

[models]
mine = "cnn:width=wide"
"""
SQUEEZE = "torchvision:squeezenet1_0,weights={},arg.num_classes=2"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Return a folder with data sets, weights, stores and studies, good and bad."""
    here = tmp_path_factory.mktemp("material")
    for name in ("good", "text", "truncated", "first", "empty-class", "sizes"):
        for number, label in enumerate(["cat", "cat", "dog", "dog"]):
            (here / name / label).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(here / name / label / f"{number}.png")
    (here / "text/dog/3.png").write_text("no picture")
    (here / "first/cat/0.png").write_text("no picture")
    whole = (here / "truncated/dog/3.png").read_bytes()
    (here / "truncated/dog/3.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (40, 30)).save(here / "sizes/dog/3.png")
    (here / "empty-class/bird").mkdir()
    (here / "nothing").mkdir()
    _weights(here)
    _stores(here)
    (here / "study.toml").write_text(STUDY)
    (here / "map.json").write_text('{"cat": [0]}')
    return here


def _weights(here: Path) -> None:
    state = torchvision.models.squeezenet1_0(num_classes=2).state_dict()
    torch.save(state, here / "pickle.safetensors")
    torch.save(torch.nn.Linear(1, 1), here / "code.pth")
    save_file({f"other_{key}": tensor for key, tensor in state.items()}, here / "keys.safetensors")
    save_file(state | {"classifier.1.weight": torch.zeros(5, 512, 1, 1)}, here / "shapes.safetensors")
    settings = Cnn(num_classes=2, width=4)
    classifier = settings.load(torch.device("cpu"))
    save_checkpoint(here / "ours.safetensors", classifier, settings, "cnn")
    (here / "cut.safetensors").write_bytes((here / "ours.safetensors").read_bytes()[:-100])


def _stores(here: Path) -> None:
    (here / "text.h5").write_text("no HDF5")
    with h5py.File(here / "other.h5", "w") as file:
        file["numbers"] = [1, 2]
    run(here, "run", "-d", "folder:good", "-m", CNN, "-q", "-o", "newer.h5")
    with h5py.File(here / "newer.h5", "r+") as file:
        file.attrs["format_version"] = 99


def run(folder: Path, *arguments: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SHAPEBIAS_PLUGINS_DIR", "")
        default_catalog.cache_clear()
        return CliRunner(catch_exceptions=False).invoke(main, arguments, prog_name="shapebias")


@pytest.fixture
def said(material, tmp_path):
    """Run a command that must fail with a status, and return what it said."""

    def said(status: int, *arguments: str) -> str:
        folder = shutil.copytree(material, tmp_path / "here", copy_function=os.link)
        result = run(folder, *arguments)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result.stderr

    return said


@pytest.mark.parametrize(
    ("dataset", "status", "words"),
    [
        (
            "folder:missing",
            2,
            ["missing is not a folder; give the folder that has one folder of images"],
        ),
        ("folder:nothing", 2, ["nothing has no class folders; put the images of each class into a folder"]),
        ("folder:empty-class", 2, ["empty-class has class folders without images: bird; remove them, or fill them"]),
        ("folder:first", 1, ["first/cat/0.png cannot be decoded as an image: cannot identify", "delete or repair it"]),
        ("folder:text", 1, ["text/dog/3.png cannot be decoded as an image: cannot identify", "delete or repair it"]),
        (
            "folder:truncated",
            1,
            ["truncated/dog/3.png cannot be decoded as", "truncated; delete or repair it"],
        ),
        ("folder:sizes", 1, ["sizes/dog/3.png is 30 x 40 pixels", "32 x 32", "give size=, for example size=224"]),
        ("folder:good,labels=l.csv", 2, ["good/l.csv cannot be read as a CSV file", "labels= names a file in good"]),
        ("cue-conflict:missing", 2, ["missing is not a folder"]),
        ("torchvision:Caltech", 2, ["has no data set 'Caltech'; did you mean 'Caltech"]),
        ("torchvision:CIFAR10", 2, ["split is None; give split=train or split=test"]),
        ("folder", 2, ["datasets[0]: folder: 1 bad parameter", "path: is missing", "path: a path"]),
        ("folder:good,sise=32", 2, ["sise: unknown parameter; did you mean 'size'?", "size: a whole number or none"]),
        ("folder:good,size=big", 2, ["size: must be a whole number or none, got 'big'"]),
        ("folder:good,size=0", 2, ["size: must be >= 1, got 0"]),
        ("folder:good,size=0,crop=2,x=1", 2, ["3 bad parameters", "size: must be", "crop: must be", "x: unknown"]),
        ("foldr:good", 2, ["no dataset is called 'foldr'; did you mean 'folder'?", "known: cifar10-c"]),
        ("cnn", 2, ["-d cnn: cnn is a model; write -m cnn"]),
    ],
)
def test_data_sets(said, dataset, status, words):
    text = said(status, "run", "-d", dataset, "-m", CNN, "-q", "-o", "run.h5")
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize("dataset", ["folder:first", "folder:text", "folder:truncated", "folder:sizes"])
def test_one_bad_image_fails_its_data_set_and_no_other(said, dataset):
    text = said(1, "run", "-d", dataset, "-d", "folder:good", "-m", CNN, "-t", "grayscale", "-q", "-o", "run.h5")
    failed = [line for line in text.splitlines() if line.startswith("Failed: ")]
    assert failed == [f"Failed: {dataset} | {CNN} | {condition}" for condition in ("clean", "grayscale")]
    assert text.count("DataError") == 1  # a reason that several cells share is told once


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("timm:resnet19", 2, ["has no architecture 'resnet19'; did you mean 'resnet"]),
        ("torchvision:resnet19", 2, ["has no image classifier 'resnet19'; did you mean 'resnet"]),
        (SQUEEZE.format("missing.safetensors"), 2, ["missing.safetensors", "No such file", "check the path"]),
        (
            SQUEEZE.format("keys.safetensors"),
            2,
            ["'keys.safetensors' is for another network than SqueezeNet", "52 missing in the file: classifier.1.bias",
             "52 not in the network: other_classifier.1.bias", "name the architecture that the file was saved from"],
        ),
        (
            SQUEEZE.format("shapes.safetensors"),
            2,
            ["'shapes.safetensors' is for another", "1 of another shape: classifier.1.weight: file has",
             "(5, 512, 1, 1), network wants (2, 512, 1, 1)", "with the same options (number of classes, ...)"],
        ),
        (SQUEEZE.format("code.pth"), 2, ["'code.pth' cannot be read safely", "shapebias.networks.convert code.pth"]),
        ("checkpoint:missing.safetensors", 2, ["missing.safetensors", "No such file", "check the path"]),
        ("checkpoint:keys.safetensors", 2, ["does not say what network it is", "timm:ARCHITECTURE,checkpoint=FILE"]),
        (
            "checkpoint:pickle.safetensors",
            2,
            ["is not a readable safetensors file", "timm:ARCHITECTURE,checkpoint=FILE"],
        ),
        ("checkpoint:cut.safetensors", 2, ["'cut.safetensors' is not a readable safetensors file"]),
        ("cnn:width=0", 2, ["models[0]: cnn: 1 bad parameter", "width: must be >= 1, got 0", "default 16"]),
        ("cnn:depth=40", 2, ["depth: must be <= 8, got 40"]),
        ("cnnn", 2, ["no model is called 'cnnn'; did you mean 'cnn'?"]),
        (
            "cnn:num_classes=10,width=4",
            2,
            ["the model's outputs do not match the data set's classes", "the model: 10 unnamed outputs",
             "the data set: 2 classes (cat, dog)", "to map them yourself, write a mapping file: a JSON object"],
        ),
    ],
)  # fmt: skip
def test_models(said, tmp_path, model, status, words):
    text = said(status, "run", "-d", "folder:good", "-m", model, "-q", "-o", "run.h5")
    assert [word for word in words if word not in text] == [], text
    assert not [*tmp_path.glob("here/run.h5*")]  # nothing was stored


@pytest.mark.parametrize(
    ("condition", "status", "words"),
    [
        ("satruate:p=8", 2, ["conditions[1]: no transform or attack is called 'satruate'; did you mean 'saturate'?"]),
        ("saturate:p=much", 2, ["p: must be a number, got 'much'", "p: a number > 0, default 8"]),
        ("pgd:norm=l3", 2, ["norm: must be", "linf", "got 'l3'"]),
        ("pgd+fgsm", 2, ["has 2 attacks; a condition has at most one"]),
        ("patch-shuffle:k=33", 1, ["32 x 32 pixels cannot be cut into 33 x 33", "choose k up to 32"]),
    ],
)
def test_conditions(said, condition, status, words):
    text = said(status, "run", "-d", "folder:good", "-m", CNN, "-c", condition, "-q", "-o", "run.h5")
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["-o", "text.h5"],
            ["text.h5 is not an HDF5 file, or it is damaged", "choose another file, or restore this one"],
        ),
        (["-o", "other.h5"], ["other.h5 is an HDF5 file, but not a shapebias store; choose another file"]),
        (["-o", "newer.h5"], ["newer.h5 has format version 99; this shapebias reads up to version 1: upgrade"]),
        (["-o", "good"], ["good is a folder; give the name of a file, for example good/run.h5"]),
        (["-o", ""], [". is a folder; give the name of a file, for example ./run.h5"]),
        (
            ["-o", "run.h5", "--device", "mps"],
            ["device 'mps' does not exist: torch sees no accelerator; use"],
        ),
        (
            ["-o", "run.h5", "--mapping", "missing.json"],
            ["missing.json cannot be read: No such", "check the path"],
        ),
        (["-o", "run.h5", "--precision", "half"], ["'half' is not one of 'float32', 'bfloat16', 'float16'"]),
    ],
)
def test_what_else_a_run_is_given(said, options, words):
    text = said(2, "run", "-d", "folder:good", "-m", CNN, "-q", *options)
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize("target", ["2", "-1"])
def test_a_target_that_is_no_class(said, target):
    text = said(2, "run", "-d", "folder:good", "-m", CNN, "-s", f"gradient:target={target}", "-q", "-o", "run.h5")
    assert f"target={target} is not a class of the data set; give label, prediction, or a number from 0 to 1" in text


@pytest.mark.parametrize("count", [0, 1])
def test_a_cuda_device_that_is_not_there(said, monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    text = said(2, "run", "-d", "folder:good", "-m", CNN, "--device", "cuda:1", "-q", "-o", "run.h5")
    assert f"device 'cuda:1' does not exist: torch sees {count} CUDA devices; use --device cpu or auto" in text


def test_a_mapping_that_lacks_a_class(said):
    text = said(2, "run", "-d", "folder:good", "-m", CNN, "--mapping", "map.json", "-q", "-o", "run.h5")
    assert "map.json" in text
    assert "dog" in text


def test_a_study_file_with_several_errors_tells_all(said):
    lines = said(2, "run", "study.toml", "-o", "run.h5").splitlines()
    assert lines[0] == "Error: study.toml cannot run:"
    wanted = [
        "  sede: unknown key; did you mean 'seed'? (valid: datasets, models, ",
        "  datasets[0]: no dataset is called 'stimulii'; did you mean 'stimuli'?",
        "  models[0]: cnn: 1 bad parameter",
        "  conditions[0]: saturate: 1 bad parameter",
        "  limit: must be a whole number of at least 1, got 0",
    ]
    found = [line for line in lines[1:] if not line.startswith("   ")]
    assert [line[: len(begin)] for line, begin in zip(found, wanted, strict=True)] == wanted


@pytest.mark.parametrize("command", ["results", "pack"])
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("missing.h5", ["missing.h5: there is no store", "check the path, or run a study first"]),
        ("text.h5", ["text.h5 is not an HDF5 file, or it is damaged"]),
        ("other.h5", ["other.h5 is an HDF5 file, but not a shapebias store; choose another file"]),
        ("newer.h5", ["newer.h5 has format version 99", "upgrade shapebias, or choose another file"]),
    ],
)
def test_reading_what_is_no_store(said, command, file, words):
    text = said(2, command, file)
    assert [word for word in words if word not in text] == [], text
