"""Every script and plugin in ``examples/`` works."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import shapebias
from shapebias.catalog import Catalog
from shapebias.plugins import discover

EXAMPLES = Path(__file__).parents[1] / "examples"
TESTED = {"conditions.py", "demo.py", "gallery.py", "panel.py", "tables.py", "usage.py"}


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


def test_gallery_of_one_photo(tmp_path, data_dir):
    gallery = runpy.run_path(str(EXAMPLES / "gallery.py"))
    dataset = gallery["photos"](data_dir, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(gallery["transforms"].__globals__, "TRANSFORMS", {"one": ["grayscale", "invert"]})
        gallery["transforms"](dataset, data_dir, tmp_path)
    with Image.open(tmp_path / "gallery-one.jpg") as image:
        assert image.width > 6 * 128
        assert 3 * 128 < image.height < 4 * 128


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


def test_demo_on_few_pictures(tmp_path, capsys):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    classifier = demo["Cnn"](num_classes=8, width=4).load(torch.device("cpu"))
    pictures = demo["train"].__globals__["pictures"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(demo["train"].__globals__, "pictures", lambda images, seed: pictures(128, seed))
        demo["train"](classifier, epochs=1)
    results = demo["evaluate"](classifier, tmp_path / "run.h5")
    demo["show"](results)
    assert len(results.answers()) == len(demo["CUES"]) * len(demo["CONDITIONS"])
    shape, texture, n = map(int, re.search(r"in (\d+) and the texture in\s(\d+)\sof (\d+)", squeezed(capsys)).groups())
    assert shape + texture <= n == 448


@pytest.mark.slow
def test_demo(tmp_path, capsys):
    run("demo.py", tmp_path)
    text = squeezed(capsys)
    with shapebias.open(tmp_path / "run.h5") as results:
        accuracy = results.metric("accuracy:top=1").set_index(["dataset", "condition"]).value
        bias = results.metric("shape-bias").query("dataset == 'conflict' and averaging == 'micro'")
    assert accuracy["match", "clean"] > 0.95  # it has learnt
    assert accuracy["texture", "patch-shuffle:k=4"] > accuracy["shape", "patch-shuffle:k=4"]  # shape is destroyed
    assert f"shape bias {bias[bias.condition == 'clean'].value.item():.3f}" in text


def squeezed(capsys):
    return " ".join(capsys.readouterr().out.split())


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
    swapped = swap(images, shapebias.ImageRandom.for_images(0, "channel-swap", 0, ids))
    orders = [
        tuple(next(place for place in range(3) if torch.equal(channel, image[place])) for channel in after)
        for image, after in zip(images, swapped, strict=True)
    ]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(set(orders)) == 6  # 64 images have all orders, but for one time in 20,000
    alone = swap(images[5:6], shapebias.ImageRandom.for_images(0, "channel-swap", 0, ids[5:6]))
    assert torch.equal(alone[0], swapped[5])
