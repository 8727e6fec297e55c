"""Previews show what a study shows to its models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.errors import DataError, PluginError, StudyError

STIMULI = "stimuli:cue=conflict,images=56,size=32"
MODEL = "cnn:num_classes=8,width=4"


def test_the_images_are_those_of_a_study_with_the_same_seed(tmp_path):
    conditions = {
        "shuffled": "patch-shuffle:k=4+saturate:p=8",
        "attacked": "fgsm:eps=4/255,8/255+grayscale",
        "swapped": "amplitude-swap",
    }
    shown = sb.preview(STIMULI, conditions, MODEL, images=5, seed=3)
    study = sb.Study(STIMULI, MODEL, {"clean": "clean", **conditions}, seed=3, limit=5, keep_images=True)
    results = sb.run(study, tmp_path / "run.h5")
    wanted = [("clean", None), ("shuffled", None), ("attacked", 4 / 255), ("attacked", 8 / 255), ("swapped", None)]
    assert shown.titles == ("clean", "shuffled", "attacked at 4/255", "attacked at 8/255", "swapped")
    for column, (condition, eps) in enumerate(wanted):
        images = results.images(condition=condition, eps=eps)
        np.testing.assert_allclose(shown.images[:, column], images, atol=1e-6)
    answers = results.answers()[0]
    assert list(shown.ids) == list(answers.ids)
    assert list(shown.labels) == [answers.classes[label] for label in answers.labels]


def test_more_images_than_are_made_at_once():
    shown = sb.preview(STIMULI, ["patch-shuffle:k=2"], images=20)
    alone = sb.preview(STIMULI, ["patch-shuffle:k=2"], images=20, device="cpu").images
    assert shown.images.shape == (20, 2, 3, 32, 32)
    assert torch.equal(shown.images, alone)
    assert len({shown.images[row, 1].numpy().tobytes() for row in range(20)}) == 20


def test_a_condition_given_twice_is_shown_once():
    assert sb.preview(STIMULI, ["clean", "grayscale", "grayscale"], images=1).titles == ("clean", "grayscale")


def test_an_attack_without_a_model_is_refused():
    with pytest.raises(StudyError, match=r"fgsm:eps=1/255 attacks a model, but none is given; add -m MODEL"):
        sb.preview(STIMULI, "grayscale+fgsm:eps=1/255")


def test_what_a_transform_needs_is_missed_before_anything_is_made(plugins):
    with pytest.raises(DataError, match=r"masked needs the mask of the object, and the images of .*cue=texture"):
        sb.preview("stimuli:cue=texture,size=32", "masked")
    with pytest.raises(DataError, match=r"partner takes another image .* has only one"):
        sb.preview("stimuli:images=1,size=32", "partner")


def test_a_plugin_that_raises_is_named(plugins):
    with pytest.raises(PluginError, match=r"grayscale\+raises fails: ZeroDivisionError: on purpose"):
        sb.preview(STIMULI, "grayscale+raises")


def test_one_data_set_is_shown_at_a_time():
    with pytest.raises(StudyError, match=r"one data set, not 2"):
        sb.preview([STIMULI, "stimuli"], "grayscale")


def test_no_images_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"images is 0"):
        sb.preview(STIMULI, "grayscale", images=0)


def test_classes_of_imagenet_have_their_english_names(tmp_path):
    for wnid in ("n02123045", "n02504458"):
        (tmp_path / wnid).mkdir()
        Image.new("RGB", (16, 16)).save(tmp_path / wnid / "0.png")
    shown = sb.preview(f"folder:{tmp_path},label_space=imagenet-1k", "grayscale")
    assert shown.labels == ("tabby", "African elephant")


@pytest.mark.parametrize("name", ["sheet.png", "sheet.JPG"])
def test_the_sheet_is_written_whole(tmp_path, name):
    shown = sb.preview(STIMULI, "grayscale", images=2)
    (tmp_path / name).write_bytes(b"old")
    shown.save(tmp_path / name)
    with Image.open(tmp_path / name) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert pixels.shape[1] > 2 * 128
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_conditions_can_be_the_rows_and_pictures_small(tmp_path):
    shown = sb.preview("stimuli:images=2,size=160", ["grayscale", "blur", "invert"], images=2)
    shown.save(tmp_path / "sheet.png", rows="conditions", size=150)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert 4 * 150 < sheet.height < 5 * 150
        assert 2 * 150 < sheet.width < 4 * 150


@pytest.mark.parametrize("name", ["sheet.xyz", "sheet", "nowhere/sheet.png"])
def test_a_place_where_no_picture_can_be_written_is_named(tmp_path, name):
    shown = sb.preview(STIMULI, "grayscale", images=1)
    with pytest.raises(DataError, match=name):
        shown.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
