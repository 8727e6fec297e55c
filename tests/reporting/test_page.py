"""The page: whole, safe, and complete."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import shapebias
from shapebias.errors import FigureError
from shapebias.interop import import_decisions
from shapebias.reporting.page import _most_models, report

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Elements(HTMLParser):
    """Collects tags with attributes, text outside of scripts, and what is left open."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & {*self.open}:
            self.texts.append(data)


@pytest.fixture(scope="module")
def page(run_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    with shapebias.open(run_file) as results:
        report(results, path, images=4, title="Do <these> look at shape?")
    return path.read_text(encoding="utf-8")


def without_scripts(page):
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_is_well_formed_and_points_to_nothing_outside(page):
    elements = Elements(page)
    assert not elements.open
    addresses = [
        value
        for _, attributes in elements.found
        for name, value in attributes.items()
        if name in ("src", "href", "action", "poster", "data")
    ]
    assert any(address.startswith("data:image/webp") for address in addresses)
    assert all(re.match(r"data:|#", address) for address in addresses)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", without_scripts(page))


def test_ids_are_there_once_and_links_lead_somewhere(page):
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    links = [attributes["href"][1:] for _, attributes in found if attributes.get("href", "").startswith("#")]
    assert len(ids) == len(set(ids))
    assert {*links} <= {*ids}


def test_every_picture_says_what_it_shows(page):
    pictures = [attributes for tag, attributes in Elements(page).found if tag in ("img", "svg")]
    assert len(pictures) > 20
    assert all(picture.get("alt") or picture.get("aria-label") for picture in pictures)


def test_names_that_are_html_are_shown_as_text(page):
    elements = Elements(page)
    text = "".join(elements.texts)
    assert "</script><b>net" in text
    assert "Do <these> look at shape?" in text
    assert "b" not in {tag for tag, _ in elements.found}
    assert page.count("</script>") == len([tag for tag, _ in elements.found if tag == "script"])


def test_the_data_of_the_browser_are_the_answers(page, run_file):
    (data,) = data_of(page)["browsed"]
    assert [len(data["images"]), data["total"]] == [4, 24]
    with shapebias.open(run_file) as results:
        for view in results.answers():
            title = view.condition if view.eps is None else f"pgd, eps={round(view.eps * 255)}/255"
            position = data["conditions"].index(title)
            for image in data["images"]:
                at = view.ids.index(image["id"])
                said = image["answers"][position][view.model]
                shape, texture = view.shape_labels[at], view.texture_labels[at]
                kinds = {int(shape): "shape", int(texture): "texture"}
                assert said["class"] == view.classes[view.prediction[at]]
                assert said["kind"] == kinds.get(int(view.prediction[at]), "neither")
                odds = np.exp(view.logits[at].astype(float))
                assert said["best"][0][1] == pytest.approx(odds.max() / odds.sum(), abs=6e-4)
                assert "maps" in said


def test_a_class_called_script_is_text(tmp_path):
    for name in ("<script>alert(1)<script>", "cat & dog"):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        Image.new("RGB", (16, 16), "red").save(folder / '"><img src=x>.png')
    study = shapebias.Study(f'folder:"{tmp_path / "photos"}",size=16', {"net": "cnn:num_classes=2,width=4"})
    with shapebias.run(study, tmp_path / "run.h5") as results:
        report(results, tmp_path / "report.html")
    elements = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len([tag for tag, _ in elements.found if tag == "script"]) == 4
    assert not [attributes for tag, attributes in elements.found if tag == "img" and attributes.get("src") == "x"]


def test_a_failure_is_told_with_its_reason_and_traceback(tmp_path, failing_network):
    study = shapebias.Study(
        "stimuli:cue=conflict,images=8,size=32",
        {"good": "cnn:num_classes=8,width=4", "bad": failing_network},
    )
    with shapebias.run(study, tmp_path / "run.h5") as results:
        assert len(results.failures) == 1
        report(results, tmp_path / "report.html")
    text = "".join(Elements((tmp_path / "report.html").read_text(encoding="utf-8")).texts)
    assert "bad | clean" in text
    assert "NaN or infinite scores" in text
    assert "Traceback (most recent call last)" in text


def test_failures_of_one_reason_are_told_together(tmp_path, failing_network):
    study = shapebias.Study(
        "stimuli:images=8,size=32",
        {"good": "cnn:num_classes=8,width=4", "bad": failing_network},
        ["clean", "grayscale"],
    )
    with shapebias.run(study, tmp_path / "run.h5") as results:
        assert len(results.failures) == 2
        report(results, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    failures = text[text.index('<section id="failures">') : text.index('<section id="study">')]
    assert failures.count("<details>") == 1
    assert "bad | clean" in failures
    assert "bad | grayscale" in failures


def test_results_without_an_answer_are_refused_in_words(tmp_path, failing_network):
    study = shapebias.Study("stimuli:images=8,size=32", {"bad": failing_network})
    with (
        shapebias.run(study, tmp_path / "run.h5") as results,
        pytest.raises(FigureError, match="no cell has finished"),
    ):
        report(results, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_page_that_cannot_be_written_is_an_error_in_words(run_file, tmp_path):
    with shapebias.open(run_file) as results, pytest.raises(FigureError, match="cannot be written"):
        report(results, tmp_path / "nowhere" / "report.html", images=1)


def test_only_the_scripts_of_the_page_may_run(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    allowed = {*re.findall(r"'sha256-([^']+)'", policy)}
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts} == allowed
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")


def test_the_page_is_small(page):
    assert len(page) < 2_000_000


def test_maps_have_a_column_of_images_only_where_the_images_were_kept(tmp_path):
    def columns(*, keep_images):
        study = shapebias.Study(
            "stimuli:images=8,size=32", "cnn:8,width=4", ["clean", "grayscale"], "gradient", keep_images=keep_images
        )
        text = report(shapebias.run(study, tmp_path / f"{keep_images}.h5"), tmp_path / "page.html").read_text()
        heading, *rows = re.findall(r"<tr>(.*?)</tr>", text[text.index('<table class="maps">') :], re.DOTALL)[1:6]
        assert all(len(re.findall("<td", row)) == len(re.findall("<th", heading)) for row in rows)
        return re.findall(r"</span>cnn|image(?=</th>)", heading)

    assert columns(keep_images=True) == ["image", "</span>cnn", "image", "</span>cnn"]
    assert columns(keep_images=False) == ["image", "</span>cnn", "</span>cnn"]


def test_answers_that_were_imported_make_a_page_without_pictures(tmp_path):
    rows = ["cat7-elephant1.png,cat,cat", "cat8-dog1.png,dog,cat", "dog1-cat2.png,dog,dog"]
    heading = "subj,session,trial,rt,object_response,category,condition,imagename"
    lines = [
        f"subject-01,1,{trial},0.5,{answer},{category},0,0001_cue_s01_0_{category}_00_{name}"
        for trial, (name, answer, category) in enumerate((row.split(",") for row in rows), start=1)
    ]
    table = tmp_path / "cue-conflict_subject-01_session_1.csv"
    table.write_text("\n".join([heading, *lines]) + "\n", encoding="utf-8")
    import_decisions([table], tmp_path / "people.h5")
    with shapebias.open(tmp_path / "people.h5") as results:
        text = report(results, tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="images"' not in text
    assert "One person" in text
    assert "no study here computes them" in text


@pytest.mark.parametrize(("models", "conditions", "shown"), [(50, 40, 50), (51, 2, 50), (1300, 40, 14)])
def test_of_many_models_a_page_shows_few_where_there_are_many_conditions(models, conditions, shown):
    def record(model, condition):
        keys = {"dataset": "d", "model": model, "condition": condition}
        return SimpleNamespace(**{role: SimpleNamespace(key=key, canonical=key) for role, key in keys.items()})

    cells = [SimpleNamespace(record=record(f"m{m}", f"c{c}")) for m in range(models) for c in range(conditions)]
    assert _most_models([SimpleNamespace(store=SimpleNamespace(cells=lambda: cells))]) == shown
    assert shown == 50 or shown * (shown - 1) // 2 * conditions <= 4_000
