from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

STIMULI = "stimuli:cue=conflict,images=56,size=32"


def test_it_draws_a_column_for_each_condition_and_a_row_for_each_image(cli, tmp_path):
    result = cli("preview", STIMULI, "-t", "saturate:p=8", "-c", "grayscale+patch-shuffle:k=2", "--images", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout == "3 images under 3 conditions are in preview.png.\n"
    with Image.open(tmp_path / "preview.png") as sheet:
        assert sheet.width > 3 * 128
        assert sheet.height > 3 * 128


def test_the_seed_chooses_the_random_numbers(cli, tmp_path):
    for seed, name in ((0, "a.png"), (0, "b.png"), (1, "c.png")):
        assert cli("preview", STIMULI, "-t", "patch-shuffle", "--images", 1, "--seed", seed, "-o", name).exit_code == 0
    first, second, other = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_attacks_need_a_model(cli, tmp_path):
    result = cli("preview", STIMULI, "-a", "fgsm:eps=8/255")
    assert result.exit_code == 2
    assert "fgsm:eps=8/255 attacks a model, but none is given; add -m MODEL" in result.stderr
    assert not list(tmp_path.iterdir())
    result = cli("preview", STIMULI, "-a", "fgsm:eps=8/255", "-m", "cnn:num_classes=8,width=4", "--images", 1)
    assert result.exit_code == 0, result.output


def test_images_of_a_class_have_a_column_for_each_model(cli):
    models = ["-m", "a=cnn:num_classes=8,width=2", "-m", "b=cnn:num_classes=8,width=2,seed=1"]
    result = cli("preview", STIMULI, *models, "-a", "pgd:steps=1", "--towards", "0", "--towards", "1", "--images", 1)
    assert result.stdout == "1 images under 5 conditions are in preview.png.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stimulii", "-t", "grayscale"], "did you mean 'stimuli'?"),
        ([STIMULI, "-t", "greyscale"], "did you mean 'grayscale'?"),
        ([STIMULI, "-t", "grayscale", "--images", "0"], "0 is not in the range x>=1"),
        ([STIMULI, "-t", "grayscale", "--seed", "-1"], "-1 is not in the range x>=0"),
        (["stimuli:cue=texture", "-t", "silhouette"], "silhouette:fill=black needs the mask of the object"),
        ([STIMULI, "-c", "patch-shuffle+silhouette"], "the mask no longer fits; put silhouette first"),
        ([STIMULI, "-t", "patch-shuffle:k=65"], "cannot be cut into 65 x 65 tiles"),
        ([STIMULI, "-t", "grayscale", "-o", "picture.xyz"], "picture.xyz"),
        ([], "Missing argument 'DATASET'"),
    ],
)
def test_what_cannot_be_shown_is_said(cli, arguments, message):
    result = cli("preview", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
