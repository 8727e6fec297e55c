"""``shapebias make``: what it asks for, what it says, and the whole way to a study of the copy."""

from __future__ import annotations

import json
import shlex

import pytest
from PIL import Image

from shapebias.images.manifest import Manifest
from shapebias.rendering.make import WrittenDataset
from shapebias.runtime.progress import Interrupted

DATASET = "stimuli:cue=conflict,images=8,size=32"


@pytest.fixture
def ask(cli, monkeypatch):
    """Run the command up to the making, and return what it asks for."""
    calls = []

    def stand_in(*what, progress, **how):
        calls.append((*what, how))
        return WrittenDataset(what[2], Manifest(*what[:2], {}, 0, (), {}), 0)

    monkeypatch.setattr("shapebias.rendering.make.make", stand_in)

    def run(*arguments):
        result = cli("make", *arguments)
        assert result.exit_code == 0, result.output
        return calls[-1]

    return run


def test_options_are_those_of_the_python_call(ask):
    usual = {"seed": 0, "limit": None, "device": "auto", "batch_size": None, "workers": None}
    assert ask(DATASET, "-o", "copy") == (DATASET, "clean", "copy", usual)
    assert ask(DATASET, "-t", "grayscale", "-o", "copy")[1] == ["grayscale"]
    assert ask(DATASET, "-c", "grayscale+saturate:p=8", "-o", "copy")[1] == ["grayscale+saturate:p=8"]
    options = ("--seed", 7, "--limit", 4, "--device", "cpu", "--batch-size", 2, "--workers", 3)
    given = {"seed": 7, "limit": 4, "device": "cpu", "batch_size": 2, "workers": 3}
    assert ask(DATASET, "-o", "copy", *options)[3] == given


def test_from_the_copy_to_the_study(cli):
    made = cli("make", DATASET, "-t", "patch-shuffle:k=2", "-o", "a copy")
    assert made.exit_code == 0, made.output
    assert made.stdout == """8 images are in a copy; read them as 'folder:"a copy",labels=manifest.json'\n"""
    again = cli("make", DATASET, "-t", "patch-shuffle:k=2", "-o", "a copy")
    assert again.stdout.startswith("8 images are in a copy, 8 of them from earlier runs; read them as")
    (read_as,) = shlex.split(made.stdout.rpartition("read them as ")[2])
    study = cli("run", "-d", read_as, "-m", "cnn:num_classes=8,width=4", "-o", "run.h5")
    assert study.exit_code == 0, study.output
    assert cli("results", "run.h5", "shape-bias").exit_code == 0
    other = cli("make", DATASET, "-t", "grayscale", "-o", "a copy")
    assert other.exit_code == 2
    assert "condition was patch-shuffle:k=2, now grayscale" in other.stderr


def test_a_failed_image_is_told_and_is_the_exit_status(cli, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "photos" / name / "0.png")
    (tmp_path / "photos/b/0.png").write_bytes(b"no picture")
    result = cli("make", "folder:photos", "-o", "copy", "-q")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Failed: image 1 of the data set\n  photos/b/0.png cannot be decoded as an image" in result.stderr
    assert [image["id"] for image in json.loads((tmp_path / "copy/manifest.json").read_text())["images"]] == [
        "a/0.png",
        "c/0.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'DATASET'"),
        ((DATASET,), "Missing option '-o' / '--output'"),
        ((DATASET, "-t", "grayscale", "-t", "invert", "-o", "a"), "join its steps: -c 'grayscale+invert'"),
        ((DATASET, "-c", "fgsm", "-o", "a"), "attacks a model; a copy of a data set can have transforms only"),
        ((DATASET, "-t", "grayscal", "-o", "a"), "did you mean 'grayscale'?"),
        ((DATASET, "-o", "a", "--limit", "0"), "0 is not in the range x>=1"),
    ],
)
def test_what_is_wrong_is_told(cli, arguments, message):
    result = cli("make", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_an_interruption_is_told_with_the_status_of_shells(cli, monkeypatch):
    def stop(*_, **__):
        raise Interrupted("interrupted; everything finished is in copy")

    monkeypatch.setattr("shapebias.rendering.make.make", stop)
    result = cli("make", DATASET, "-o", "copy")
    assert (result.exit_code, result.stderr) == (130, "interrupted; everything finished is in copy\n")
