from __future__ import annotations

import re

from shapebias.reporting.mpl_style import new_figure, style, to_svg
from shapebias.reporting.palette import INK
from shapebias.reporting.svg import inline


def drawn(title="a & b <c> $1 $2"):
    with style():
        figure = new_figure(2)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], "o-", color="#0072b2", clip_on=True)
        axes.set_title(title)
    return to_svg(figure)


def test_ids_get_a_prefix_and_those_without_use_go():
    svg = inline(drawn(), "x-", "title")
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert ids
    assert all(name.startswith("x-") for name in ids)
    assert {*re.findall(r"url\(#([^)]+)\)", svg), *re.findall(r'href="#([^"]+)"', svg)} == {*ids}


def test_colours_are_those_of_the_theme():
    text = drawn()
    svg = inline(text, "x-", "title")
    assert INK in text
    assert INK not in svg
    assert "currentColor" in svg
    assert "var(--model-0)" in svg


def test_text_stays_text_and_is_no_formula():
    assert "a &amp; b &lt;c&gt; $1 $2" in inline(drawn(), "x-", "title")


def test_the_title_is_escaped():
    assert 'aria-label="&quot;&gt;&lt;b&gt;"' in inline(drawn(), "x-", '"><b>')


def test_the_same_figure_is_the_same_text():
    assert drawn() == drawn()
