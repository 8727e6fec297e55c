from __future__ import annotations

import re
from importlib import resources

import pytest

from shapebias.reporting import palette
from shapebias.reporting.palette import ModelStyle, assign_styles

CSS = (resources.files("shapebias.reporting") / "templates" / "page.css").read_text(encoding="utf-8")


def test_the_first_forty_models_all_look_different():
    seen = [(drawn.colour, drawn.marker, drawn.line) for drawn in assign_styles(map(str, range(40))).values()]
    assert len(set(seen)) == 40


def test_people_are_in_red_and_take_no_colour_from_the_networks():
    drawn = assign_styles(["net", "subject-01", "other", "subject-02"], {"subject-01", "subject-02"})
    assert [*drawn] == ["net", "subject-01", "other", "subject-02"]
    assert {name: drawn[name] for name in ("net", "other")} == assign_styles(["net", "other"])
    assert drawn["subject-01"].colour == drawn["subject-02"].colour == palette.PEOPLE
    assert drawn["subject-01"].marker != drawn["subject-02"].marker


def test_a_model_keeps_its_look_when_others_follow():
    assert assign_styles(["a"])["a"] == assign_styles(["a", "b", "c"])["a"]


@pytest.mark.parametrize("colour", [palette.PEOPLE, *palette._COLOURS])
def test_each_colour_has_a_place_in_both_themes_of_the_page(colour):
    name = re.fullmatch(r"var\((--[\w-]+)\)", ModelStyle(colour, "o", "-").css_colour)
    assert name is not None
    light, dark = re.findall(rf"{name[1]}: (#\w+)", CSS)
    assert light == colour
    assert dark != light
