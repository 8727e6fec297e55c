"""Images of a class: which conditions are shown, and that the pictures are those of the study."""

from __future__ import annotations

import numpy as np
import pytest

import shapebias as sb
from shapebias.errors import FigureError
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.figures.class_images import ClassImagesFigure

MODELS = {name: f"cnn:num_classes=8,width=2,seed={seed}" for seed, name in enumerate(["one", "other"])}
TOWARDS = "pgd:eps=40/255,steps=2,target=3,keep=last"


def study(conditions, **facts):
    return sb.Study("stimuli:images=8,size=32", MODELS, conditions, **facts)


def test_each_model_has_a_column_for_each_class(tmp_path):
    conditions = {"clean": "clean", "class 3": TOWARDS, "search": "pgd:eps=40/255,steps=2,target=3", "noise": "noise"}
    with sb.run(study(conditions, keep_images=True), tmp_path / "run.h5") as results:
        figure = ClassImagesFigure(images=2)(CombinedResults([results]))
        kept = results.images(model="other", condition="class 3")
    titles = [title for axes in figure.axes if (title := axes.get_title("left"))]
    assert titles == ["clean", "one\nclass 3, eps=40/255", "other\nclass 3, eps=40/255"]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == 2 * 3
    wanted = (255 * kept.transpose(0, 2, 3, 1)).round().astype(int)
    assert any(np.abs(shown[2].astype(int) - one).max() <= 1 for one in wanted)


@pytest.mark.parametrize(("condition", "kept"), [("fgsm", True), (TOWARDS, False)])
def test_without_kept_images_of_a_class_it_says_how_to_have_them(condition, kept, tmp_path):
    with (
        sb.run(study(["clean", condition], keep_images=kept), tmp_path / "run.h5") as results,
        pytest.raises(FigureError, match="keep=last"),
    ):
        ClassImagesFigure()(CombinedResults([results]))
