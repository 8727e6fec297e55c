"""Each figure shows the numbers that the metrics give, and is what a paper needs."""

from __future__ import annotations

import json
import re
import warnings
import zlib

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

import shapebias
from shapebias.errors import FigureError
from shapebias.published.references import references
from shapebias.reporting import palette
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.figures import FIGURES, find
from shapebias.reporting.pictures import map_picture


@pytest.fixture(scope="module")
def opened(run_file):
    with shapebias.open(run_file) as results:
        yield results


@pytest.fixture(scope="module")
def joined(opened):
    return CombinedResults([opened])


def bias_by_hand(joined, model, condition, shape):
    (view,) = [each for each in joined.answers() if (each.model, each.condition) == (model, condition)]
    chosen = (view.shape_labels == shape) & (view.shape_labels != view.texture_labels)
    hits = [np.sum(view.prediction[chosen] == labels[chosen]) for labels in (view.shape_labels, view.texture_labels)]
    return hits[0] / sum(hits) if sum(hits) else np.nan


def test_the_shape_bias_chart_has_a_marker_for_each_class_and_model(joined):
    axes = find("shape-bias:condition=saturate:p=8")(joined).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[-1] == "mean"
    classes = joined.answers()[0].classes
    drawn = {}
    for line in axes.lines:
        if line.get_linestyle() == "None" and len(line.get_xdata()) > 1:
            points = zip(line.get_xdata(), line.get_ydata(), strict=True)
            drawn[line.get_marker()] = {names[round(height)]: value for value, height in points}
    assert len(drawn) == 2
    for model, values in zip(joined.models, drawn.values(), strict=True):
        expected = [bias_by_hand(joined, model, "saturate:p=8", shape) for shape in range(len(classes))]
        np.testing.assert_allclose([values[name] for name in classes], expected)


def test_the_curves_begin_clean_and_end_at_the_strongest(joined):
    figure = find("curves:of=saturate")(joined)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["clean", "8", "64"]
    for model, line in zip(joined.models, axes.lines, strict=True):
        by_condition = {view.condition: view for view in joined.answers() if view.model == model and view.eps is None}
        expected = [
            np.mean(by_condition[name].prediction == by_condition[name].labels)
            for name in ("clean", "saturate:p=8", "saturate:p=64")
        ]
        np.testing.assert_allclose(line.get_ydata(), expected)


def test_the_axis_of_a_curve_is_the_number(joined):
    (saturation,), (attack,) = (find(f"curves:of={step}")(joined).axes for step in ("saturate", "pgd"))
    np.testing.assert_allclose(saturation.lines[0].get_xdata(), np.log([2, 8, 64]))
    np.testing.assert_allclose(attack.lines[0].get_xdata(), [0, 1 / 255, 2 / 255])


def test_the_curve_of_an_attack_never_rises(joined):
    (axes,) = find("curves:of=pgd")(joined).axes
    assert axes.get_ylabel() == "robust accuracy"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["clean", "1/255", "2/255"]
    for line in axes.lines:
        assert (np.diff(line.get_ydata()[1:]) <= 0).all()


def test_accuracy_has_a_row_for_each_condition_and_eps(joined):
    (axes,) = find("accuracy")(joined).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "clean",
        "saturate:p=8",
        "saturate:p=64",
        "patch-shuffle:k=2",
        "pgd, eps=1/255",
        "pgd, eps=2/255",
    ]


def test_the_saliency_figure_shows_images_and_maps_in_their_places(joined, opened):
    figure = find("saliency:images=2,conditions=2")(joined)
    grid = np.array(figure.axes).reshape(2, 6)
    assert [axes.get_title(loc="left") for axes in grid[0]][:2] == ["clean", "one"]
    shown = grid[0, 4].images[0].get_array()
    (view,) = [each for each in joined.maps() if (each.model, each.condition) == ("one", "saturate:p=8")]
    assert any(np.array_equal(shown, map_picture(values)) for values in view.maps)
    seen = grid[0, 3].images[0].get_array() / 255
    kept = opened.images(model="one", condition="saturate:p=8").transpose(0, 2, 3, 1)
    assert min(np.abs(seen - image).max() for image in kept) < 1 / 255


def test_error_consistency_has_each_pair_once(joined):
    axes = find("error-consistency")(joined).axes[0]
    (row,) = joined.metric("error-consistency").query("condition == 'clean'").to_dict("records")
    assert [text.get_text() for text in axes.texts] == ([f"{row['value']:.2f}"] if np.isfinite(row["value"]) else [])


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "class-images" and not name.startswith("human-")])
def test_a_pdf_is_as_wide_as_a_column_or_page_and_has_its_fonts_in_it(opened, name, tmp_path):
    shapebias.figure(opened, name, tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    width = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", content)[1])
    assert width in (3.25 * 72, 6.75 * 72)
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content
    assert any(_inflated(stream) for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL))


def _inflated(stream):
    return zlib.decompressobj().decompress(stream)


def test_a_png_has_300_dots_an_inch(opened, tmp_path):
    shapebias.figure(opened, "accuracy", tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").width == 975


def test_the_same_figure_is_the_same_file(opened, tmp_path):
    for name in ("a.svg", "b.svg"):
        shapebias.figure(opened, "curves", tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_users_own_settings_of_matplotlib_stay(opened):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23}):
        before = dict(mpl.rcParams)
        shapebias.figure(opened, "accuracy")
        assert dict(mpl.rcParams) == before


def luminance(colour):
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour[:3]]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_numbers_on_cells_have_a_colour_of_their_own_that_can_be_read():
    """Neither is black, which SVG leaves out and the page then draws in the ink of its theme."""
    from matplotlib import colormaps

    from shapebias.reporting.figures.error_consistency import readable_ink

    for kappa in np.linspace(-1, 1, 41):
        cell = colormaps["PuOr_r"]((kappa + 1) / 2)
        ink = readable_ink(cell)
        assert ink in {"#fefefe", "#111111"}
        shades = sorted(
            [luminance(cell), luminance([int(ink[position : position + 2], 16) / 255 for position in (1, 3, 5)])]
        )
        assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 4


@pytest.mark.parametrize("name", FIGURES)
def test_results_without_anything_to_show_are_an_error_in_words(name, tmp_path, failing_network):
    empty = shapebias.Study("stimuli:images=8,size=32", {"bad": failing_network})
    with shapebias.run(empty, tmp_path / "run.h5") as results, pytest.raises(FigureError, match=name):
        shapebias.figure(results, name)


def test_models_that_were_asked_different_things_stand_in_one_figure(opened, tmp_path):
    study = shapebias.Study({"photos": "stimuli:images=8,size=32"}, {"third": "cnn:num_classes=8,width=4,seed=5"})
    with shapebias.run(study, tmp_path / "other.h5") as other, warnings.catch_warnings():
        warnings.simplefilter("error")  # a layout that fails is a warning
        for name in ("headline", "accuracy", "curves:dataset=conflict"):
            shapebias.figure([opened, other], name, tmp_path / "figure.svg")


@pytest.fixture(scope="module")
def published_set(tmp_path_factory):
    """Return answers to a few of the cue-conflict stimuli, called as the published ones are."""
    from shapebias.store import CellRecord, ComponentRecord, DatasetPart, Header, Part, Writer

    path = tmp_path_factory.mktemp("published") / "run.h5"
    classes = ("cat", "dog", "elephant")
    data = ComponentRecord("cue-conflict:path=none", "cue-conflict")
    shapes, textures = np.array([0, 0, 1, 1]), np.array([1, 2, 0, 2])
    ids = tuple(f"{classes[shape]}/{row}.png" for row, shape in enumerate(shapes))
    facts = {"classes": json.dumps(classes), "images": 4}
    with Writer(path, Header("", 0, {})) as writer:
        writer.write_dataset(DatasetPart(data, np.arange(4), ids, shapes, shapes, textures, None, facts))
        for name in ("cnn:num_classes=3", "decisions:subject-01"):
            cell = CellRecord(data, ComponentRecord(name, name.rpartition(":")[2]), ComponentRecord("clean", "clean"))
            writer.write(Part(cell, np.arange(4), {"prediction": np.array([0, 1, 1, 2])}))
        writer.pack()
    return path


def reds_and_greys(figure):
    """Count the upright marks of people and of published models."""
    colours = [collection.get_edgecolor()[0, :3] for axes in figure.axes for collection in axes.collections]
    hexes = [to_hex(colour) for colour in colours]
    return hexes.count(palette.PEOPLE), hexes.count(palette.MUTED)


@pytest.mark.parametrize("name", ["shape-bias", "headline"])
def test_published_models_are_grey_and_people_red(published_set, name):
    models = [one for one in references("shape-bias") if not one.is_human]
    with shapebias.open(published_set) as opened:
        only = CombinedResults([opened], [shapebias.Study("cue-conflict", "cnn:num_classes=3")])
        only._answers = [view for view in only.answers() if view.model != "subject-01"]
        drawn = find(name)(only)
        people, grey = reds_and_greys(drawn)
        assert grey == len(models)
        assert people == (3 if name == "shape-bias" else 1)  # of all images, and of the classes cat and dog
        assert reds_and_greys(find(f"{name}:published=false")(only)) == (0, 0)


def test_people_in_the_results_replace_those_that_are_published(published_set):
    with shapebias.open(published_set) as opened:
        figure = find("headline")(CombinedResults([opened]))
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "published models" in labels
    assert "people, published" not in labels


def test_other_stimuli_have_no_published_values(joined):
    assert reds_and_greys(find("headline")(joined)) == (0, 0)
