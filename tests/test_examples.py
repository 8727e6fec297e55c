"""Every script and plugin in ``examples/`` works."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

import shapebias
from shapebias.plugin import ImageRandom
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import discover

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTED = {
    "conditions.py",
    "demo.py",
    "families.py",
    "gallery.py",
    "pages.py",
    "panel.py",
    "references.py",
    "seeds.py",
    "stylize.py",
    "tables.py",
    "usage.py",
}


def run(name, *arguments):
    """Run a script as ``python examples/NAME ARGUMENTS`` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_every_script_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == TESTED


@pytest.mark.parametrize("name", sorted(TESTED))
def test_a_script_says_how_it_is_called(name):
    assert f"    python examples/{name}" in (EXAMPLES / name).read_text(encoding="utf-8").partition('"""\n\nfrom')[0]


def test_conditions(tmp_path):
    pytest.importorskip("matplotlib")
    run("conditions.py", tmp_path / "conditions.png")
    with Image.open(tmp_path / "conditions.png") as image:
        assert image.size == (900, 600)


def test_usage(capsys):
    run("usage.py")
    printed = capsys.readouterr().out
    assert "logits (56, 8), maps (8, 32, 32), failures 0" in printed
    assert "shuffled (2, 3, 32, 32)" in printed


@pytest.mark.slow
def test_pages(tmp_path, capsys):
    example = runpy.run_path(str(EXAMPLES / "pages.py"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pages.py", str(tmp_path)])
        for name, value in {"IMAGES": 16, "RELIANCES": (0, 1), "MAPPED": 0}.items():
            patch.setitem(example["main"].__globals__, name, value)
        example["main"]()
    pages = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [page.name for page in pages] == ["two.html", "many.html", "profile.html"]
    assert all("follows the" in page.read_text(encoding="utf-8") for page in pages)


def test_stylize(tmp_path, data_dir):
    example = runpy.run_path(str(EXAMPLES / "stylize.py"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stylize.py", str(tmp_path / "stylize.jpg"), "--data", str(data_dir)])
        for name, value in {"TEXTURES": (3,), "SIDE": 64}.items():
            patch.setitem(example["main"].__globals__, name, value)
        example["main"]()
    with Image.open(tmp_path / "stylize.jpg") as image:
        assert image.size == (2 * 128, 5 * 128)


def test_gallery_of_one_photo(tmp_path, data_dir):
    gallery = runpy.run_path(str(EXAMPLES / "gallery.py"))
    dataset = gallery["photos"](data_dir, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(gallery["transforms"].__globals__, "TRANSFORMS", {"one": ["grayscale", "invert"]})
        gallery["transforms"](dataset, data_dir, tmp_path)
    with Image.open(tmp_path / "gallery-one.jpg") as image:
        assert image.width > 6 * 128
        assert 3 * 128 < image.height < 4 * 128


def test_gallery_of_one_method(tmp_path, data_dir):
    pytest.importorskip("matplotlib")
    gallery = runpy.run_path(str(EXAMPLES / "gallery.py"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(gallery["saliency"].__globals__, "METHODS", ["gradient"])
        patch.setitem(gallery["saliency"].__globals__, "EXPLAINED", ["taxi", "iguana"])
        gallery["saliency"]("", data_dir, tmp_path)
    with Image.open(tmp_path / "gallery-saliency.jpg") as image:
        assert 2 * 128 < image.width < 4 * 128
        assert 2 * 128 < image.height < 3 * 128


def test_panel(tmp_path):
    pytest.importorskip("matplotlib")
    study = shapebias.Study(
        "stimuli:images=56,size=32", {"one": "cnn:num_classes=8", "other": "cnn:num_classes=8,seed=1"},
        ["clean", "saturate:p=8"], "gradient",
    )  # fmt: skip
    (tmp_path / "study.toml").write_text(study.to_toml())
    run("panel.py", tmp_path / "study.toml", tmp_path / "panel.png", "--images", 3)
    with Image.open(tmp_path / "panel.png") as image:
        assert image.size == (6 * 120, 3.25 * 120)  # a picture and two maps for each condition


@pytest.mark.slow
def test_panel_of_photographs(tmp_path, data_dir):
    pytest.importorskip("matplotlib")
    study = (EXAMPLES / "photos/maps.toml").read_text().replace("../shared/data", str(data_dir))
    (tmp_path / "study.toml").write_text(study)
    run("panel.py", tmp_path / "study.toml", tmp_path / "panel.png", "--images", 1)
    with Image.open(tmp_path / "panel.png") as image:
        assert image.size == (6 * 120, 1.25 * 120)


def test_tables_have_what_was_counted(tmp_path, capsys):
    study = shapebias.Study(
        "stimuli:images=56,size=32", {"one": "cnn:num_classes=8", "other": "cnn:num_classes=8,seed=1"},
        ["clean", "linf=pgd:eps=2/255,4/255,steps=1", "l2=pgd:norm=l2,eps=0.5,steps=1"],
    )  # fmt: skip
    results = shapebias.run(study, tmp_path / "run.h5")
    run("tables.py", tmp_path / "run.h5", "--against", "other")
    printed = capsys.readouterr().out
    lines = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in printed.splitlines() if "`" in line]
    correct = {
        (one.model, one.condition, one.eps): 100 * (one.prediction == one.labels).mean() for one in results.answers()
    }
    names = {"`clean`": ("clean", None), "`linf`, 2/255": ("linf", 2 / 255), "`l2`, 0.5": ("l2", 0.5)}
    names["`linf`, 4/255"] = ("linf", 4 / 255)
    assert [line[0] for line in lines] == 2 * ["`clean`", "`linf`, 2/255", "`linf`, 4/255", "`l2`, 0.5"]
    for name, one, other in lines[:4]:
        assert one.split(" [")[0] == f"{correct['one', *names[name]]:.1f}"
        assert other.split(" [")[0] == f"{correct['other', *names[name]]:.1f}"
    for name, apart in lines[4:]:
        assert apart.split(" [")[0] == f"{correct['one', *names[name]] - correct['other', *names[name]]:+.1f}"


def share(results, dataset, condition, model, label):
    """Count by hand: the share of the pictures whose class, shape or texture the model answered."""
    for one in results.answers():
        if (one.dataset, one.condition, one.model) == (dataset, condition, model) and one.eps is None:
            return (one.prediction == getattr(one, label)).mean()
    raise KeyError


def printed_numbers(text, measure):
    """Return the four values that the demo's table has in the row of a measure."""
    (row,) = [line for line in text.splitlines() if line.strip().startswith(f"{measure} ")]
    return [float(value) for value in re.findall(r"(\d\.\d\d) \S+-", row)]


@pytest.mark.slow  # continuous integration runs the command itself
def test_demo_on_few_pictures(tmp_path, capsys, monkeypatch):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    monkeypatch.setitem(demo["run"].__globals__, "CONDITIONS", ["saturate:p=1024", "patch-shuffle:k=2"])
    monkeypatch.setitem(demo["run"].__globals__, "EPS", ["8/255"])
    few = {"training": 112, "epochs": 2, "testing": 56}
    results = demo["run"](tmp_path / "demo", **few)
    demo["show"](results)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for measure, cell in {
        "accuracy": ("match", "clean"),
        "texture alone": ("texture", "clean"),
        "saturate:p=1024": ("match", "saturate:p=1024"),
    }.items():
        shares = [share(results, *cell, model, "labels") for model in demo["MODELS"]]
        assert printed_numbers(text, measure) == pytest.approx(shares, abs=0.0051)
    hits = [share(results, "conflict", "clean", "linf", f"{cue}_labels") for cue in ("shape", "texture")]
    assert printed_numbers(text, "shape bias")[2] == pytest.approx(hits[0] / sum(hits), abs=0.0051)
    assert text.count("than standard ") == text.count("than matched ") == len(demo["FINDING"])
    yes = len(re.findall(r"\] +yes", text))
    assert f"{yes} of 10 differences" in " ".join(text.split())
    assert len(results.maps()) == 4
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").glob("*.safetensors")}
    cells = results.cells()
    again = demo["run"](tmp_path / "demo", **few)
    assert again.cells().equals(cells)  # also the seconds that each took
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").glob("*.safetensors")} == files


def test_seeds_print_mean_range_and_count(tmp_path, capsys, monkeypatch):
    """Against tables made by hand: seed s adds s / 10 to every number."""
    monkeypatch.syspath_prepend(EXAMPLES)
    demo = importlib.import_module("demo")
    cells = pd.MultiIndex.from_product([["accuracy"], demo.MODELS], names=["measure", "model"])

    def numbers(index, seed):
        return pd.DataFrame({"value": 0.5, "low": 0.25, "high": 0.75}, index=index) + seed / 10 - 0.3

    ran = []
    monkeypatch.setattr(demo, "run", lambda folder, seed: ran.append((folder, seed)) or seed)
    monkeypatch.setattr(demo, "measures", lambda seed: numbers(cells, seed))
    monkeypatch.setattr(demo, "differences", lambda seed, other: numbers([*demo.FINDING], seed))
    run("seeds.py", tmp_path, 3)
    assert ran == [(tmp_path / str(seed), seed) for seed in range(3)]
    text = capsys.readouterr().out
    assert "| accuracy" + " | 0.30 (0.20 to 0.40)" * 4 + " |" in text
    assert text.count("| +0.30 (+0.20 to +0.40) | 2 of 3 seeds |") == 6  # low is -0.05, 0.05, 0.15
    assert text.count("| +0.30 (+0.20 to +0.40) | 0 of 3 seeds |") == 4  # what ought to have become less


@pytest.mark.slow
def test_demo(tmp_path, capsys):
    run("demo.py", tmp_path)
    text = capsys.readouterr().out
    assert min(printed_numbers(text, "accuracy")) > 0.9  # all have learnt
    standard, matched, linf, l2 = printed_numbers(text, "shape bias")
    assert max(standard, matched) < 0.5 < min(linf, l2)
    assert "10 of 10 differences" in " ".join(text.split())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(page) < 3_000_000  # it can be sent by mail
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    charts = json.loads(data)
    assert [model["name"] for model in charts["models"]] == ["standard", "matched", "linf", "l2"]
    assert all(charts[name] for name in ("accuracy", "bias", "browsed", "consistency", "evidence", "sweeps"))
    with shapebias.open(tmp_path / "run.h5") as results:
        assert share(results, "shape", "clean", "linf", "labels") > share(
            results, "shape", "clean", "standard", "labels"
        )


@pytest.fixture(scope="module")
def plugins():
    return [plugin for plugin in discover([EXAMPLES / "plugins"]) if plugin.source.startswith(str(EXAMPLES))]


def test_every_plugin_loads(plugins):
    assert [plugin.name for plugin in plugins] == sorted(path.stem for path in (EXAMPLES / "plugins").glob("*.py"))
    assert [plugin.problems for plugin in plugins] == [()] * len(plugins)
    for plugin in plugins:
        assert [spec.load() for spec in plugin.specs]


def test_channel_swap_exchanges_the_channels_of_each_image(plugins):
    swap = Catalog(plugins).component("transform", "channel-swap").settings
    images = torch.rand(64, 3, 4, 4)
    ids = [f"{number}.png" for number in range(64)]
    swapped = swap(images, ImageRandom.for_images(0, "channel-swap", 0, ids))
    orders = [
        tuple(next(position for position in range(3) if torch.equal(channel, image[position])) for channel in after)
        for image, after in zip(images, swapped, strict=True)
    ]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(set(orders)) == 6  # 64 images have all orders, except one time in 20,000
    alone = swap(images[5:6], ImageRandom.for_images(0, "channel-swap", 0, ids[5:6]))
    assert torch.equal(alone[0], swapped[5])
