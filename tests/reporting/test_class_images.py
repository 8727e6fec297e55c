"""Class images on the page: whose they are, how many there are, and that they are those of the study."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

import shapebias as sb
from shapebias.rendering.class_images import towards
from shapebias.reporting import class_images
from shapebias.reporting.class_images import page_class_images
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.page import report

DATA = "stimuli:images=8,size=32"
MODELS = {name: f"cnn:num_classes=8,width=2,seed={seed}" for seed, name in enumerate(["one", "other"])}
ATTACK = "pgd:eps=40/255,steps=2"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    conditions = ["clean", ATTACK, *towards(DATA, ["disc/dots", "3"], [ATTACK])]
    study = sb.Study(DATA, MODELS, conditions, keep_images=True)
    with sb.run(study, tmp_path_factory.mktemp("run") / "run.h5") as opened:
        yield opened


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.picture.partition(",")[2]))), dtype=int)


def kept(results, model, condition, identity):
    """The image that a model was given, (H, W, 3), of 255."""
    view = next(view for view in results.answers() if (view.model, view.condition) == (model, condition))
    return 255 * results.images(model=model, condition=condition)[view.ids.index(identity)].transpose(1, 2, 0)


def test_there_is_a_column_for_each_model_and_class_beside_the_clean_image(results):
    (panel,) = page_class_images(CombinedResults([results]))
    names = results.answers()[0].classes
    titles = [title.partition(",")[0] for title, _ in panel.conditions]
    assert titles == ["clean", "towards disc/dots", f"towards {names[3]}"]  # the search for any other class is none
    assert [models for _, models in panel.conditions] == [[""], [*MODELS], [*MODELS]]
    assert [len(row) for row in panel.rows] == [5] * 4
    row = panel.rows[-1]  # not of the class disc/dots, which would be left as it is
    identity = row[2].alt.partition(",")[0]
    for position, model in ((1, "one"), (2, "other")):
        stored = {name: kept(results, name, panel.conditions[1][0], identity) for name in MODELS}
        # WebP is lossy: what is shown is nearest to the image of its own model.
        distances = {name: np.abs(pixels(row[position]) - image).mean() for name, image in stored.items()}
        assert min(distances, key=distances.__getitem__) == model


def test_many_models_leave_room_for_one_image_each(results, monkeypatch):
    monkeypatch.setattr(class_images, "_PICTURES", 5)
    (panel,) = page_class_images(CombinedResults([results]))
    assert len(panel.rows) == 1


def test_the_page_has_them_as_a_section_and_none_without_them(results, tmp_path):
    text = report(results, tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<section id="class-images">' in text
    assert "towards disc/dots" in text
    study = sb.Study(DATA, {"one": MODELS["one"]})
    with sb.run(study, tmp_path / "plain.h5") as plain:
        assert "class-images" not in report(plain, tmp_path / "plain.html").read_text(encoding="utf-8")
