"""The page of the study: its commands work, here on few images, and its numbers are those of the networks."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.models.cnn import Cnn
from shapebias.networks.checkpoints import save_checkpoint
from shapebias.plugins.catalog import default_catalog

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/study.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
FEW = {"run": ["--limit", "2", "--saliency-limit", "1"], "panel.py": ["--images", "2"]}


@pytest.fixture
def real(cli, tmp_path, data_dir, monkeypatch):
    """Put the real images and weights where the study files look for them."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/data").symlink_to(data_dir.resolve())
    (tmp_path / "project").mkdir()
    (tmp_path / "examples").rename(tmp_path / "project/examples")
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture
def do(cli, monkeypatch):
    """Do what a command of the page says, on few images."""

    def run(command: str) -> None:
        *settings, program, first, second = re.fullmatch(r"(\w+=\S+ )?(\w+) (\S+) (.*)", command).groups()
        arguments = shlex.split(f"{first} {second}")
        if program == "shapebias":
            cli(*arguments, *(FEW["run"] if "run" in arguments else []))
            return
        assert program == "python"
        for setting in filter(None, settings):
            monkeypatch.setenv(*setting.strip().split("="))
        default_catalog.cache_clear()
        monkeypatch.setattr(sys, "argv", [*arguments, *FEW.get(Path(first).name, [])])
        runpy.run_path(first, run_name="__main__")

    return run


def about(word: str) -> list[str]:
    """List the commands on one study, but those that train."""
    return [one for one in COMMANDS if f"examples/{word}/" in one or f" {word}.h5" in one if not one.startswith("sh ")]


@pytest.mark.slow
def test_the_commands_on_the_networks_of_others_work(do, real, capsys):
    pytest.importorskip("matplotlib")
    for command in about("cifar10"):
        do(command)
    with sb.open("cifar10.h5") as results:
        assert not results.failures
        answers = results.answers()
    models = ["standard", "pgd4", "sadv4", "sadv8", "cnn-adv"]
    assert list(dict.fromkeys(one.model for one in answers)) == models
    conditions = dict.fromkeys((one.condition, one.eps) for one in answers)
    assert len(answers) == len(models) * len(conditions)
    assert first_columns(capsys.readouterr().out) == first_columns(section("CIFAR-10"))
    with Image.open("cifar10.jpg") as image:
        assert image.size == (9 * 120, 2.25 * 120)


@pytest.mark.slow
def test_the_commands_on_photographs_work(do, real, capsys):
    """The networks stand in for those that an hour of training makes."""
    pytest.importorskip("matplotlib")
    settings = Cnn(width=4, depth=2)
    classes = tuple(sorted(path.name for path in Path("../shared/data/imagenette96/val").iterdir()))
    trained = attrs.evolve(settings.load(torch.device("cpu")), classes=classes)
    Path("imagenette").mkdir()
    for name in ("standard", "matched", "linf", "l2"):
        save_checkpoint(Path(f"imagenette/{name}-0.safetensors"), trained, settings, "cnn", {})
    for command in about("imagenette"):
        do(command)
    with sb.open("imagenette.h5") as results:
        assert not results.failures
    assert first_columns(capsys.readouterr().out) >= first_columns(section("Photographs"))
    assert Path("imagenette.jpg").exists()


def test_the_studies_name_what_there_is(cli, real, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "examples/plugins")
    for name in ("cifar10/study", "cifar10/maps", "imagenette/study", "imagenette/maps", "photos/maps"):
        default_catalog.cache_clear()
        study = sb.Study.from_toml(Path(f"examples/{name}.toml").read_text(), name)
        assert len(study.datasets[0].settings) > 0
        missing = [path for one in study.models for path in one.files if not path.exists()]
        assert all(path.parent.name == "imagenette" for path in missing), missing  # those that training makes


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("sh ")])
def test_the_scripts_that_train_say_what_they_train(command, cli, commands_of):
    trainings = commands_of(*shlex.split(command)[1:])
    names = {Path(one[one.index("-o") + 1]).name for one in trainings}
    assert (
        len(names)
        == len(trainings)
        == {"examples/imagenette/train.sh": 4, "examples/paper/train.sh": 5}[shlex.split(command)[1]]
    )


@pytest.mark.parametrize(
    "command", ["imagenette/train.sh", "imagenette/train.sh nets", "paper/train.sh", "paper/train.sh caltech101 0"]
)
def test_scripts_say_how_they_are_called(command):
    done = subprocess.run(["sh", *f"examples/{command}".split()], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 2
    assert re.match("usage: sh examples/|no study is called caltech101; there are", done.stderr)


def test_the_accuracies_of_the_networks_of_others_are_those_of_the_page(cli, real, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_PLUGINS_DIR", "examples/plugins")
    default_catalog.cache_clear()
    study = sb.Study.from_toml(Path("examples/cifar10/study.toml").read_text())
    cheap = {"clean", "saturate:p=8", "saturate:p=1024", "patch-shuffle:k=2"}
    study = attrs.evolve(study, conditions=[one for one in study.conditions if one.title in cheap])
    found = {}
    with sb.run(study, "run.h5") as results:
        for one in results.answers():
            right = 100 * (one.prediction == one.labels).mean()
            found.setdefault(f"`{one.condition}`", []).append(f"{right:.1f}")
    shown = {name: cells for name, *cells in rows(section("CIFAR-10").partition("Difference")[0])}
    assert found == {name: [cell.partition(" ")[0] for cell in shown[name]] for name in found}


def section(title: str) -> str:
    """Return the part of the page below a heading that begins so."""
    return PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """List the rows of Markdown tables whose first cell is a condition, with the cells bare."""
    lines = (line for line in text.splitlines() if line.startswith("| `"))
    return [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in lines]


def first_columns(text: str) -> set[str]:
    return {row[0] for row in rows(text) if not re.fullmatch("`(standard|matched|linf|l2)`", row[0])}
