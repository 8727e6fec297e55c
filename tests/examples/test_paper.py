"""The paper's own studies: lists, recipes, scripts and study files, on stand-ins in the data sets' own layouts."""

from __future__ import annotations

import csv
import pickle
import runpy
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.plugins.catalog import default_catalog
from shapebias.training.recipe import Recipe

SMALL = ("-m", "cnn:num_classes=3,width=4,depth=2", "--epochs", 2, "--validation", 0.34, "-q")
NETWORKS = ["fgsm", "pgd-l2", "pgd-linf", "standard", "underfit"]


def lists(name, folder):
    """Run ``python examples/paper/lists.py NAME FOLDER``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lists.py", name, str(folder)])
        runpy.run_path("examples/paper/lists.py", run_name="__main__")


@pytest.fixture
def caltech256(tmp_path, photographs):
    """Three classes of ten images, a folder within a class and a stray file, as in the published archive."""
    folder = tmp_path / "data/caltech256/256_ObjectCategories"
    names = ["001.ak47", "056.dog", "257.clutter"]
    photographs({folder / name / f"{name[:3]}_{n:04}.jpg": k for k, name in enumerate(names) for n in range(10)}, 40)
    (folder / "056.dog/greg").mkdir()
    (folder / "198.spider").mkdir()
    (folder / "198.spider/RENAME2").touch()
    (folder / "198.spider/RENAME2").rename(folder / "001.ak47/RENAME2")
    (folder / "198.spider").rmdir()
    lists("caltech256", folder)
    return folder


@pytest.fixture
def tiny_imagenet(tmp_path, photographs):
    """Class folders of images and boxes to train on, one folder with annotations to test on."""
    folder = tmp_path / "data/tiny-imagenet-200"
    wnids = ["n01443537", "n02124075", "n07873807"]
    photographs(
        {folder / f"train/{wnid}/images/{wnid}_{n}.JPEG": k for k, wnid in enumerate(wnids) for n in range(6)}, 64
    )
    (folder / "train" / wnids[0] / f"{wnids[0]}_boxes.txt").write_text(f"{wnids[0]}_0.JPEG\t0\t0\t62\t62\n")
    order = [2, 0, 1, 1, 0, 2]
    photographs({folder / f"val/images/val_{n}.JPEG": k for n, k in enumerate(order)}, 64)
    lines = [f"val_{n}.JPEG\t{wnids[k]}\t0\t32\t44\t62\n" for n, k in enumerate(order)]
    (folder / "val/val_annotations.txt").write_text("".join(lines))
    lists("tiny-imagenet", folder / "val")
    return folder


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """Three classes, in the files of the Python version; their checksums are those of noise."""
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = tmp_path / "data/cifar-10-batches-py"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)

    def batch(count):
        labels = [n % 3 for n in range(count)]
        return {"data": random.integers(0, 256, (count, 3072), dtype=np.uint8), "labels": labels}

    parts = {f"data_batch_{n}": batch(4) for n in range(1, 6)}
    parts |= {"test_batch": batch(6), "batches.meta": {"label_names": ["airplane", "automobile", "bird"]}}
    for name, content in parts.items():
        (folder / name).write_bytes(pickle.dumps(content))
    return folder


@pytest.mark.parametrize("name", ["caltech256", "tiny-imagenet", "cifar10"])
def test_recipe_script_and_study_work_together(name, cli, commands_of, shortened, tmp_path, request):
    request.getfixturevalue(name.replace("-", "_"))
    dataset = tomllib.loads(Path(f"examples/paper/{name}/recipe.toml").read_text())["dataset"]
    for command in commands_of("examples/paper/train.sh", name, 0):
        cli(*command, *SMALL, "-d", dataset.replace("size=224", "size=32"))
    assert sorted(path.name for path in (tmp_path / name).glob("[!.]*")) == [f"{net}-0.safetensors" for net in NETWORKS]

    study = Path(f"examples/paper/{name}/study.toml").read_text().replace("size=224", "size=32")
    models = sb.Study.from_toml(study).models
    assert sorted(model.title for model in models) == NETWORKS
    assert all(str(model.settings.file) == f"{name}/{model.title}-0.safetensors" for model in models)
    Path("study.toml").write_text(shortened(study, "underfit"))
    cli("run", "study.toml", "--limit", 3, "--saliency-limit", 1, "-o", "run.h5")
    with sb.open("run.h5") as results:
        assert not results.failures
        answers = results.answers()
        assert {(one.model, len(one.ids)) for one in answers} == {("underfit", 3)}
        conditions = [one.condition for one in answers if one.eps is None]
        saturate = [f"saturate:p={p}" for p in (1, 4, 8, 16, 64, 1024)]
        assert conditions == ["clean", *saturate, *(f"patch-shuffle:k={k}" for k in (2, 4, 8))]
        assert {one.saliency for one in results.maps()} == {"smoothgrad:samples=100"}


@pytest.mark.parametrize("name", ["tiny-imagenet", "cifar10"])
def test_the_networks_of_the_recipes_are_those_of_the_papers(name, cli, monkeypatch):
    """ResNet-18 has 11.7 million parameters on ImageNet; 11.17 with ten outputs and a small first convolution."""
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "examples/plugins")
    default_catalog.cache_clear()
    recipe = Recipe.from_toml(Path(f"examples/paper/{name}/recipe.toml").read_text())
    model = recipe.model.settings.load(torch.device("cpu"))
    outputs = {"cifar10": 10, "tiny-imagenet": 200}[name]
    count = sum(parameter.numel() for parameter in model.module.parameters())
    assert count == 11_689_512 - 64 * 3 * (49 - 9) - (1000 - outputs) * 513
    grids = []
    model.module.layer1.register_forward_hook(lambda _module, _inputs, output: grids.append(tuple(output.shape)))
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, outputs)
    assert grids == [(1, 64, 32, 32)]


def test_caltech_is_split_within_each_class(cli, caltech256):
    rows = {}
    for part in ("train", "test"):
        with (caltech256 / f"{part}.csv").open() as file:
            rows[part] = [(row["file"], row["label"]) for row in csv.DictReader(file)]
    assert not {*rows["train"]} & {*rows["test"]}
    files = {path.relative_to(caltech256).as_posix() for path in caltech256.glob("*/*.jpg")}
    assert {file for part in rows.values() for file, _ in part} == files
    assert all(file.partition("/")[0] == label for part in rows.values() for file, label in part)
    assert [sum(label == one for _, label in rows["test"]) for one in ("001.ak47", "056.dog", "257.clutter")] == [2] * 3


def test_an_image_that_goes_moves_no_other_between_the_lists(cli, caltech256):
    before = (caltech256 / "test.csv").read_text().splitlines()
    untouched = [line for line in before if "056.dog" not in line]
    next(caltech256.glob("056.dog/*.jpg")).unlink()
    lists("caltech256", caltech256)
    assert [line for line in (caltech256 / "test.csv").read_text().splitlines() if "056.dog" not in line] == untouched


def test_tiny_imagenet_has_the_classes_of_its_annotations(cli, tiny_imagenet):
    from shapebias.datasets.folder import Folder

    test = Folder(tiny_imagenet / "val", labels="labels.csv")
    assert test.classes == Folder(tiny_imagenet / "train").classes
    assert [sample.label for sample in test] == [2, 0, 1, 1, 0, 2]
    with Image.open(tiny_imagenet / "val/images/val_3.JPEG") as image:
        assert np.array_equal(test[3].image, np.asarray(image))


@pytest.mark.parametrize("arguments", [[], ["caltech256"], ["caltech101", "."], ["caltech256", "nowhere"]])
def test_what_cannot_be_listed_is_answered_by_how_it_is_called(cli, monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["lists.py", *arguments])
    with pytest.raises(SystemExit, match=r"python examples/paper/lists.py caltech256"):
        runpy.run_path("examples/paper/lists.py", run_name="__main__")
