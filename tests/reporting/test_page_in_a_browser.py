"""The page as people meet it: in Chromium, wide and narrow, with mouse and keyboard."""

from __future__ import annotations

import csv
import re
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

import shapebias
from shapebias.reporting.page import report


@pytest.fixture(scope="module")
def address(run_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    with shapebias.open(run_file) as results:
        report(results, path, images=4)
    return path.as_uri()


@pytest.fixture(params=[1280, 400])
def page(request, chromium, address):
    """Open the page, and say at the end what it complained of or asked the network for."""
    opened = chromium.new_page(viewport={"width": request.param, "height": 800})
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(("file:", "data:")) else 0
    )
    opened.goto(address)
    yield opened
    opened.close()
    assert complaints == []


def column(page, table, name):
    position = page.evaluate(
        "([table, name]) => [...table.tHead.rows[0].cells].findIndex(c => c.dataset.name === name)", [table, name]
    )
    return page.evaluate(
        "([table, place]) => [...table.tBodies[0].rows].map(row => row.cells[place].dataset.value)", [table, position]
    )


def test_nothing_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_click_on_a_heading_sorts_up_and_down(page):
    page.locator("details.table summary").first.click()
    table = page.query_selector("details.table[open] table")
    before = column(page, table, "value")
    heading = page.locator("details.table[open] th[data-name=value]")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [float(value) for value in column(page, table, "value")] == sorted(map(float, before))
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert [float(value) for value in column(page, table, "value")] == sorted(map(float, before), reverse=True)


def test_rows_without_a_value_come_last_either_way(page):
    page.locator("details.table summary").first.click()
    table = page.query_selector("details.table[open] table")
    for _ in range(2):
        page.locator("details.table[open] th[data-name=difference] button").click()
        values = column(page, table, "difference")
        assert "" in values
        assert values == [value for value in values if value] + [value for value in values if not value]


def test_the_csv_has_every_column_unrounded(page, run_file, tmp_path):
    page.locator("details.table summary").first.click()
    with page.expect_download() as waiting:
        page.locator("details.table[open] .download").click()
    waiting.value.save_as(tmp_path / "table.csv")
    rows = list(csv.DictReader((tmp_path / "table.csv").open(encoding="utf-8", newline="")))
    name = page.locator("details.table[open] .download").get_attribute("data-name")
    with shapebias.open(run_file) as results:
        table = results.metric(name)
    assert [float(row["value"]) for row in rows] == table["value"].tolist()
    assert [row["model"] for row in rows] == table["model"].tolist()
    assert {"low", "high", "n", "method"} <= {*rows[0]}


def test_another_image_is_picked_by_mouse_and_by_keyboard(page):
    options = page.locator("#strip [role=option]")
    first = page.locator("#picked .title").inner_text()
    assert options.count() == 4
    options.nth(2).click()
    third = page.locator("#picked .title").inner_text()
    assert options.nth(2).get_attribute("aria-selected") == "true"
    page.locator("#strip").press("ArrowLeft")
    second = page.locator("#picked .title").inner_text()
    page.locator("#strip").press("Home")
    assert page.locator("#picked .title").inner_text() == first
    page.locator("#previous").click()
    assert len({first, second, third, page.locator("#picked .title").inner_text()}) == 4


@pytest.fixture
def phone(chromium, address):
    """Open the page on a screen that knows fingers."""
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    context.close()


def swipe(page, across, down):
    """Move a finger over the picked image, as the screen reports it."""
    page.evaluate("document.getElementById('picked').scrollIntoView({ behavior: 'instant' })")
    box = page.locator("#picked").bounding_box()
    screen = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + 300

    def touch(kind, *points):
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", (x, y))
    for part in (0.25, 0.5, 0.75, 1):
        touch("touchMove", (x + part * across, y + part * down))
    touch("touchEnd")


def test_a_swipe_picks_the_next_image_and_scrolling_does_not(phone):
    titles = [phone.locator("#picked .title").inner_text()]
    for across, down in ((-120, 10), (20, -150), (120, 0)):
        swipe(phone, across, down)
        titles.append(phone.locator("#picked .title").inner_text())
    first, second, scrolled, back = titles
    assert first != second
    assert (scrolled, back) == (second, first)


def test_what_a_finger_touches_is_44_pixels_high(phone):
    phone.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    small = phone.evaluate(
        """[...document.querySelectorAll('button, select, input, summary, nav a, #strip [role=option]')]
           .filter(one => one.offsetParent !== null && !one.disabled && one.getBoundingClientRect().height < 43.5)
           .map(one => `${one.tagName} ${one.textContent.slice(0, 20)} ${one.getBoundingClientRect().height}`)"""
    )
    assert small == []


def test_a_picked_image_shows_each_condition_and_each_model_with_its_map_above_the_image(page):
    blocks = page.locator("#picked .block")
    assert blocks.count() == 6
    for block in blocks.all():
        assert [text.strip() for text in block.locator("h4").all_inner_texts()] == ["one", "</script><b>net"]
        assert block.locator(".layers img.map").count() == 2
        assert block.locator("img").count() == 4
        assert re.search(r"shape|texture|neither", block.inner_text())
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_the_opacity_of_maps_is_the_reader_s(page):
    page.locator("#opacity").fill("20")
    assert page.evaluate("getComputedStyle(document.querySelector('#picked .map')).opacity") == "0.2"


def test_a_filter_keeps_the_images_that_it_names(page, run_file):
    page.locator("#filter").select_option("disagree")
    shown = page.locator("#strip [role=option]").evaluate_all("options => options.map(option => option.title)")
    everything = page.evaluate("page.browsed[0].images.map(image => image.id)")
    with shapebias.open(run_file) as results:
        one, other = (
            dict(zip(view.ids, view.prediction.tolist(), strict=True))
            for view in results.answers()
            if view.condition == "clean"
        )
    assert shown == [identity for identity in everything if one[identity] != other[identity]]
    assert page.locator("#found").inner_text() == f"{len(shown)} of {len(everything)} images"


def test_a_link_leads_to_one_image(chromium, address):
    page = chromium.new_page()
    page.goto(address)
    identity = page.evaluate("page.browsed[0].images[2].id")
    page.goto(f"{address}#image={identity}")
    page.reload()
    assert page.locator("#picked .title").inner_text().startswith(identity)
    page.close()


def test_a_click_in_the_legend_shows_one_model_alone(page):
    dots = "[...document.querySelectorAll('figure[data-chart=bias] [data-mark=dot] *')]"
    faint = f"{dots}.map(dot => dot.getAttribute('fill-opacity'))"
    assert page.evaluate(faint) == ["1", "1"]
    page.locator("#legend button").nth(1).click()
    assert page.evaluate(faint) == ["0.12", "1"]
    page.keyboard.press("Escape")
    assert page.evaluate(faint) == ["1", "1"]


def test_each_chart_is_as_wide_as_its_place(page):
    page.locator("#classes summary").click()
    page.locator(".plot:not(:has(svg))").first.wait_for(state="detached")
    places = "[...document.querySelectorAll('figure.chart:not([data-chart=consistency]) .plot')]"
    widths = page.evaluate(f"{places}.map(p => [p.clientWidth, p.querySelector('svg').getBoundingClientRect().width])")
    assert widths
    assert all(abs(place - chart) <= 1 for place, chart in widths)


@pytest.mark.parametrize("form", ["svg", "png", "csv"])
def test_a_chart_is_saved_as_a_file(page, run_file, tmp_path, form):
    with page.expect_download() as waiting:
        page.locator(f"figure[data-chart=bias] [data-save={form}]").click()
    waiting.value.save_as(tmp_path / "chart")
    if form == "svg":
        root = ET.parse(tmp_path / "chart").getroot()  # noqa: S314 - our own file
        assert "var(--" not in ET.tostring(root, encoding="unicode").partition("</style>")[2]
    elif form == "png":
        with Image.open(tmp_path / "chart") as image:
            assert image.format == "PNG"
    else:
        rows = list(csv.DictReader((tmp_path / "chart").open(encoding="utf-8", newline="")))
        with shapebias.open(run_file) as results:
            table = results.metric("shape-bias")
        table = table[(table["averaging"] == "micro") & (table["condition"] == "clean")]
        assert {row["model"]: float(row["value"]) for row in rows} == dict(
            zip(table["model"], table["value"], strict=True)
        )


def test_both_themes_have_readable_text(chromium, address):
    for scheme, dark in (("light", False), ("dark", True)):
        page = chromium.new_page(color_scheme=scheme)
        page.goto(address)
        style = "getComputedStyle(document.querySelector({!r})).{}"
        paper, ink, label = (
            [int(number) for number in re.findall(r"\d+", page.evaluate(style.format(selector, name)))[:3]]
            for selector, name in (("body", "backgroundColor"), ("body", "color"), (".plot svg text", "fill"))
        )
        page.close()
        assert (sum(paper) < 3 * 128) is dark
        assert contrast(paper, ink) > 7
        assert contrast(paper, label) > 7


def contrast(first, second):
    """Return the ratio that WCAG 2 defines."""

    def luminance(colour):
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dim = sorted([luminance(first), luminance(second)], reverse=True)
    return (bright + 0.05) / (dim + 0.05)
