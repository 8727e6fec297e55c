"""The gallery shows every built-in transform and saliency method, and says whose the photographs are."""

from __future__ import annotations

import csv
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shapebias.saliency import shapebias_saliency
from shapebias.study import Condition
from shapebias.transforms import shapebias_transforms

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = re.findall(r"!\[.+\]\((.+)\)", PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def gallery():
    return runpy.run_path(str(ROOT / "examples" / "gallery.py"))


def test_every_built_in_transform_is_drawn(gallery):
    texts = [text for texts in gallery["TRANSFORMS"].values() for text in texts]
    drawn = {Condition.parse(text).steps[0].name for text in texts}
    assert drawn == {spec.name for spec in shapebias_transforms()}
    assert {f"images/gallery-{name}.jpg" for name in gallery["TRANSFORMS"]} <= set(PICTURES)


def test_every_built_in_saliency_method_is_drawn(gallery):
    assert gallery["METHODS"] == [spec.name for spec in shapebias_saliency()]
    assert "images/gallery-saliency.jpg" in PICTURES


def test_maps_are_coloured_between_their_percentiles(gallery):
    ramp = np.arange(101, dtype=np.float32).reshape(1, 101)
    colours = gallery["coloured"](ramp)[:, 0]
    brightness = colours.sum(dim=0)
    assert colours.shape == (3, 101)
    assert (colours[:, :2] == colours[:, :1]).all()  # up to the 1st percentile
    assert (colours[:, 99:] == colours[:, -1:]).all()
    assert (brightness[:100:7].diff() > 0).all()
    assert gallery["coloured"](np.zeros((4, 4), dtype=np.float32)).isfinite().all()


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_there_and_wide_enough_for_six_photographs(picture):
    with Image.open(PAGE.parent / picture) as image:
        assert image.width > 6 * 100


def test_the_pictures_are_small_enough_for_a_repository():
    assert sum((PAGE.parent / picture).stat().st_size for picture in PICTURES) < 1_500_000


def test_each_photograph_has_its_author_and_source(gallery, data_dir):
    with (data_dir / "photos-imagenet" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for name, photo in gallery["PHOTOS"].items():
        assert f"| {name} | {rows[photo]['author']} | {rows[photo]['page']} |" in lines
        assert "/by/2.0/" in rows[photo]["licence"]
