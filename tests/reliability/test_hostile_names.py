"""Names with characters that files, pages and terminals do not like."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import shapebias
from shapebias.cli import main
from shapebias.reporting.page import report
from shapebias.store import verify
from shapebias.study import Study

CLASSES = [b"c\x01at", b"d\x1b[31mog", b"caf\xe9", b"x\xef\xbf\xbey", b"tab\there", b"line\nend", b"<b>&\"'"]
CLASSES += [b"\xe2\x80\xaegnp"]
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The results of a data set, a model and a condition whose names have all kinds of characters."""
    folder = tmp_path_factory.mktemp("names")
    for number, name in enumerate(CLASSES):
        below = os.path.join(os.fsencode(folder / "data"), name)  # noqa: PTH118 - not UTF-8
        os.makedirs(below)  # noqa: PTH103
        pixels = np.random.default_rng(number).integers(256, size=(32, 32, 3), dtype=np.uint8)
        with open(os.path.join(below, name + b".png"), "wb") as file:  # noqa: PTH118, PTH123
            Image.fromarray(pixels).save(file, "PNG")
    dataset = f"da\x07ta\x01=folder:{folder / 'data'}"
    conditions = ["clean", "gr\x0bey=grayscale"]
    study = Study(dataset, "n\x02et\x1b=cnn:num_classes=8,width=4", conditions, saliency="gradient")
    results = shapebias.run(study, folder / "run.h5")
    assert results.failures == []
    results.store.close()
    return folder / "run.h5"


def test_the_page_and_its_pictures_are_readable(path, tmp_path):
    with shapebias.Results(path) as results:
        page = report(results, tmp_path / "page.html", title="a \ud800 title").read_text(encoding="utf-8")
    assert not NOT_IN_XML.search(page)
    assert r"c\x01at" in page
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(drawing)  # noqa: S314 - our own page


@pytest.mark.parametrize("figure", ["accuracy", "saliency"])
def test_figures_are_readable(path, tmp_path, figure):
    result = CliRunner().invoke(main, ["figure", str(path), figure, "-o", str(tmp_path / "figure.svg")])
    assert result.exit_code == 0, result.stderr
    ET.parse(tmp_path / "figure.svg")  # noqa: S314 - our own file


def test_files_are_named_and_written(path, tmp_path):
    assert verify(path) == []
    for words in (["results", path, "--json"], ["export", "decisions", path, "-o", tmp_path / "exported"]):
        result = CliRunner().invoke(main, [*map(str, words)])
        assert result.exit_code == 0, result.stderr
    made = ["make", f"folder:{path.parent / 'data'}", "-o", str(tmp_path / "made"), "-q"]
    assert CliRunner().invoke(main, made).exit_code == 0
    names = [file.relative_to(tmp_path).as_posix() for file in (tmp_path / "made").rglob("*.png")]
    assert len(names) == len(CLASSES)
    assert all(re.fullmatch(r"[\w .,+=@()/-]+", name) for name in names)
