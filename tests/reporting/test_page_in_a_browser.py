"""The page as people meet it: in Chromium, wide and narrow, with mouse and keyboard."""

from __future__ import annotations

import csv
import re

import pytest

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
    table = page.query_selector("details.table[open] table")
    for _ in range(2):
        page.locator("details.table[open] th[data-name=difference] button").click()
        values = column(page, table, "difference")
        assert "" in values
        assert values == [value for value in values if value] + [value for value in values if not value]


def test_the_csv_has_every_column_unrounded(page, run_file, tmp_path):
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
    first = page.locator("#picked h3").inner_text()
    assert options.count() == 4
    options.nth(2).click()
    third = page.locator("#picked h3").inner_text()
    assert options.nth(2).get_attribute("aria-selected") == "true"
    page.locator("#strip").press("ArrowLeft")
    second = page.locator("#picked h3").inner_text()
    page.locator("#strip").press("Home")
    assert page.locator("#picked h3").inner_text() == first
    page.locator("#previous").click()
    assert len({first, second, third, page.locator("#picked h3").inner_text()}) == 4


def test_a_picked_image_shows_each_condition_and_each_model_with_its_map(page):
    rows = page.locator("table.picked tbody tr")
    assert rows.count() == 6
    assert [text.strip() for text in page.locator("table.picked thead th").all_inner_texts()] == [
        "condition",
        "one",
        "</script><b>net",
    ]
    for row in rows.all():
        assert row.locator("img").count() == 3
        assert all(text.startswith("gradient") for text in row.locator("figcaption").all_inner_texts())
        assert row.locator("figcaption").count() == 2
        assert re.search(r"shape|texture|neither", row.inner_text())
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_both_themes_have_readable_text(chromium, address):
    for scheme, dark in (("light", False), ("dark", True)):
        page = chromium.new_page(color_scheme=scheme)
        page.goto(address)
        style = "getComputedStyle(document.querySelector({!r})).{}"
        paper, ink, label = (
            [int(number) for number in re.findall(r"\d+", page.evaluate(style.format(selector, name)))[:3]]
            for selector, name in (("body", "backgroundColor"), ("body", "color"), ("svg.figure text", "fill"))
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
