"""The page of seven networks and two people, imported from tables: what it draws of more than six networks."""

from __future__ import annotations

import itertools

import pytest

import shapebias
from shapebias.interop import import_decisions

# Each picture has the shape of its first word and the texture of its second.
PICTURES = ("cat7-dog1", "cat8-dog1", "dog1-cat2", "dog2-cat3")
ANSWERS = {f"net-{number}": ("cat", "bear", "cat", "cat") for number in range(7)}
ANSWERS["net-6"] = ("cat", "cat", "dog", "dog")
ANSWERS["subject-01"] = ("cat", "cat", "dog", "dog")
ANSWERS["subject-02"] = ("dog", "cat", "dog", "bear")


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for name, answers in ANSWERS.items():
        lines = ["subj,session,trial,rt,object_response,category,condition,imagename"]
        for trial, (picture, answer) in enumerate(zip(PICTURES, answers, strict=True), start=1):
            lines.append(f"{name},1,{trial},0.5,{answer},{picture[:3]},0,0001_cue_s01_0_{picture[:3]}_00_{picture}.png")
        table = "\n".join(lines) + "\n"
        (folder / f"cue-conflict_{name}_session_1.csv").write_text(table, encoding="utf-8")
    import_decisions([folder], folder / "answers.h5")
    with shapebias.open(folder / "answers.h5") as results:
        shapebias.report(results, folder / "report.html")
    opened = chromium.new_page(viewport={"width": 1280, "height": 800})
    opened.goto((folder / "report.html").as_uri())
    yield opened
    opened.close()


def test_people_are_one_column_and_networks_are_sorted_by_shape_bias(page):
    texts = page.locator("figure[data-chart=classes] svg text").all_text_contents()
    columns = [text for text in texts if text.startswith(("net", "people", "subject"))]
    assert columns == ["net-6", *(f"net-{number}" for number in range(6)), "people (2)"]


def test_the_line_in_a_cell_is_the_share_of_decided_images(page):
    assert "the line in a cell is the share of images that were decided" in page.locator("#classes").inner_text()
    length = "line => line.x2.baseVal.value - line.x1.baseVal.value"
    lines = page.evaluate(f"[...document.querySelectorAll('[data-chart=classes] line')].map({length})")
    cells = page.evaluate("[...document.querySelectorAll('[data-chart=classes] rect')].map(r => r.width.baseVal.value)")
    cat, dog = [0.5] * 6 + [1], [1] * 7  # of the networks in their order; people decided all cats and 3 of 4 dogs
    assert sorted(line / cells[0] for line in lines) == pytest.approx(sorted([*cat, *dog, 1, 0.75]), abs=0.01)


CURVE = """() => {
    const at = { low: 0, high: 1, n: 4, at: null, x: 0, label: "clean" };
    const people = persons.map((model, position) => ({ ...at, model, value: 0.5 + position / 4 }));
    const network = [{ ...at, model: 0, value: 0.5 }, { ...at, model: 0, value: 0.5, at: 1, x: 1, label: "1" }];
    const drawn = DRAW.sweeps({ rows: [...people, ...network], parameter: "p" }, 600);
    const red = (kind) => drawn.querySelectorAll(`${kind}[fill="var(--people)"] *, ${kind}[stroke="var(--people)"] *`);
    return { diamonds: red("[aria-label=dot]").length, ranges: red("[aria-label=rule]").length };
}"""


def test_people_at_one_value_are_a_diamond_with_their_range(page):
    assert page.evaluate(CURVE) == {"diamonds": 1, "ranges": 1}


def test_on_a_phone_numbers_do_not_touch_and_the_chart_is_scrolled(page):
    page.set_viewport_size({"width": 240, "height": 800})
    page.locator("[data-chart=classes] .plot[tabindex]").first.wait_for()
    boxes = page.evaluate("""[...document.querySelectorAll('[data-chart=classes] [data-mark=text] text')]
        .filter((text) => !/[a-z]/.test(text.textContent)).map((text) => text.getBoundingClientRect().toJSON())""")
    assert len(boxes) == 2 * 8
    for one, following in itertools.pairwise(sorted(boxes, key=lambda box: (round(box["y"]), box["x"]))):
        assert following["y"] > one["y"] + 5 or following["left"] > one["right"]
    assert page.evaluate("document.documentElement.scrollWidth") == 240
    page.set_viewport_size({"width": 1280, "height": 800})
