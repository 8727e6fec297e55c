"""The published layouts of model-vs-human: flat names with condition and category, and class folders."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from shapebias.datasets.model_vs_human import ModelVsHuman
from shapebias.errors import DataError
from shapebias.networks.labels import entry_level_classes
from shapebias.published.image_names import read_image_name


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_DATA", str(tmp_path))

    def write(name):
        path = tmp_path / "model-vs-human" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)

    return write


def test_condition_and_category_are_in_the_file_name(save):
    save("contrast/dnn/session-1/0001_cop_dnn_c30_knife_10_n03041632_7380.png")
    save("contrast/dnn/session-2/0001_cop_dnn_c100_bicycle_10_n03792782_5966.png")
    pictures = ModelVsHuman("contrast")
    assert pictures.classes == tuple(entry_level_classes())
    assert [sample.id for sample in pictures] == ["c30/knife/n03041632_7380.png", "c100/bicycle/n03792782_5966.png"]
    assert [pictures.classes[sample.label] for sample in pictures] == ["knife", "bicycle"]
    assert pictures.conditions == ("c30", "c100")
    assert [read_image_name(sample.id).condition for sample in pictures] == ["c30", "c100"]
    assert pictures.note == "2 of 1,280 images"
    assert [sample.id for sample in ModelVsHuman("contrast", ("c100",))] == ["c100/bicycle/n03792782_5966.png"]
    with pytest.raises(DataError, match=r"has no condition c10; did you mean 'c100'\?; it has c100, c30"):
        len(ModelVsHuman("contrast", ("c10",)))


def test_sets_without_conditions_have_the_ids_of_peoples_answers(save):
    save("sketch/dnn/session-1/0001_ske_dnn_0_boat_00_boat-0068-sketch-23.png")
    save("cue-conflict/bird/bird3-clock2.png")
    (sketch,), (conflict,) = ModelVsHuman("sketch"), ModelVsHuman("cue-conflict")
    assert sketch.id == "boat/boat-0068-sketch-23.png"
    assert conflict.id == "bird/bird3-clock2.png"
    classes = tuple(entry_level_classes())
    assert (classes[conflict.shape], classes[conflict.texture]) == ("bird", "clock")


def test_other_names_are_refused(save, tmp_path):
    save("rotation/dnn/session-1/0001_rot_dnn_90_zebra_10_x.png")
    with pytest.raises(DataError, match=r"not named as published: '0001_rot_dnn_90_zebra_10_x\.png' is not a class"):
        len(ModelVsHuman("rotation"))
    with pytest.raises(DataError, match=r"nowhere is not a folder; give the folder of model-vs-human:edge"):
        len(ModelVsHuman("edge", path=tmp_path / "nowhere"))
