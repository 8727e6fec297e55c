"""What the caption says of photographs, of ImageNet and of what was skipped."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import nn

import shapebias as sb
from shapebias.reporting.caption import caption


def network(outputs):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, outputs))


def photos(folder, classes):
    for name in classes:
        (folder / name).mkdir(parents=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name / "1.png")
    return f"photos=folder:{folder}"


def test_a_choice_among_fewer_classes_than_the_model_knows_is_said(tmp_path):
    text = photos(tmp_path / "photos", ["n01440764", "n01443537"])
    (tmp_path / "photos/n01440764/notes.txt").write_text("")
    (tmp_path / "photos/n01440764/other.txt").write_text("")
    first, second = caption(sb.evaluate(network(1000), text))
    assert first == (
        "photos: 2 images, 2 classes; skipped 2: 2 not an image by its name (*.txt) (n01440764/notes.txt, ...)"
    )
    assert second == (
        "model: the choice is among the data set's 2 classes (n01440764 = tench, n01443537 = goldfish), 2 outputs of "
        "ImageNet-1k (assumed from 1,000 outputs); for a choice among all 1,000 add label_space=imagenet-1k to the "
        "data set"
    )
    _, assumed = caption(sb.evaluate(network(1000), f"{text},label_space=imagenet-1k"))
    assert assumed.endswith("assumed to be the classes of ImageNet-1k in their usual order")


def test_digits_are_said_to_be_read_as_indices(tmp_path):
    _, line = caption(sb.evaluate(network(1000), photos(tmp_path / "digits", "01")))
    assert "2 classes (0 = tench, 1 = goldfish)" in line
    assert "label_space=imagenet-1k" in line


def test_data_sets_with_the_same_numbers_share_a_line(tmp_path):
    run = sb.Study(
        [f"{cue}=stimuli:cue={cue},images=8" for cue in ("shape", "texture")] + ["few=stimuli:images=4"], "planted"
    )
    with sb.run(run, tmp_path / "run.h5") as results:
        lines = caption(results)
    assert [line.split(",")[0] for line in lines[:2]] == ["each of shape", "few: 4 images"]
    assert lines[0].startswith("each of shape, texture: 8 images, ")


def test_names_that_fit_need_no_remark(tmp_path):
    text = photos(tmp_path / "photos", ["a", "b"])
    named = sb.Classifier(network(2), classes=("b", "a"))
    assert caption(sb.evaluate(named, text)) == ["photos: 2 images, 2 classes"]
    _, line = caption(sb.evaluate(network(2), text))
    assert line == "model: the outputs have no names and are matched to the classes by position: a, b"
