"""The names of published stimuli, as they are in the published tables."""

from __future__ import annotations

import pytest

from shapebias.published.human_sets import condition_name
from shapebias.published.image_names import ImageName, cue_words, read_image_name


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("0001_cl_s01_cr_oven_40_n04111531_14126.png", ImageName("n04111531_14126.png", "oven", "cr")),
        (
            "0002_eid_s01_16-10-10_airplane_10_n02690373_4183.png",
            ImageName("n02690373_4183.png", "airplane", "16-10-10"),
        ),
        ("0001_ske_s01_0_boat_00_boat-0068-sketch-23.png", ImageName("boat-0068-sketch-23.png", "boat", "clean")),
        (
            "dnn/session-1/0161_nse_dnn_0.60_knife_10_n03041632_1143.JPEG",
            ImageName("n03041632_1143.JPEG", "knife", "0.6"),
        ),
        ("c30/knife/n03041632_7380.png", ImageName("n03041632_7380.png", "knife", "c30")),
        ("0/oven/n04111531_14126.png (2)", ImageName("n04111531_14126.png", "oven", "clean", 2)),
        ("train/knife/n03041632_7380.png", ImageName("n03041632_7380.png", "knife")),
        ("airplane1.png", ImageName("airplane1.png")),
        ("cat/cat7-elephant1.png", ImageName("cat7-elephant1.png", "cat")),
        ("val/ILSVRC2012_val_00000293.JPEG", ImageName("ILSVRC2012_val_00000293.JPEG", "val")),
        ("knife/n03041632_1143.JPEG (2)", ImageName("n03041632_1143.JPEG", "knife", presentation=2)),
    ],
)
def test_published_names(name, read):
    assert read_image_name(name) == read


def test_the_stem_has_no_suffix_of_an_image_and_keeps_other_dots():
    assert [ImageName(name).stem for name in ("a.JPEG", "a.png", "a.b", "a")] == ["a", "a", "a.b", "a"]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("0.00", "0", "0.0", "clean", "NaN", "na", "", "no-manipulation"), "clean"),
        (("0.10", "0.1", ".1"), "0.1"),
        (("1", "1.0"), "1"),
        (("true", "True", "TRUE"), "true"),
        (("inf", "Inf"), "inf"),
        (("c05",), "c05"),
        (("1-10-10",), "1-10-10"),
    ],
)
def test_a_condition_is_spelled_in_one_way(texts, name):
    assert {condition_name(text) for text in texts} == {name}


def test_only_names_with_two_numbered_words_are_cue_conflict():
    assert cue_words("oven10-cat3") == ("oven", "cat")
    assert cue_words("bicycle-0011-ILSVRC2012-val-00011821.png") is None
    assert cue_words("boat-0068-sketch-23.png") is None
