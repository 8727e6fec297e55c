"""Results for people and notebooks, against the arrays that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import shapebias
from shapebias.errors import StoreError

CONDITIONS = ["clean", "saturate:p=8", "pgd:eps=1/255,2/255,steps=1"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    models = {"one": "cnn:num_classes=8,width=2", "two": "cnn:num_classes=8,width=4"}
    study = shapebias.Study(
        "stimuli:cue=conflict,images=16,size=32", models, CONDITIONS, "gradient", saliency_limit=4, keep_images=True
    )
    return shapebias.run(study, tmp_path_factory.mktemp("display") / "run.h5")


def test_the_frame_has_a_row_for_each_image_and_cell(results):
    table = results.frame()
    assert len(table) == 16 * 2 * 4
    cell = table[(table["model"] == "two") & (table["condition"] == CONDITIONS[2]) & np.isclose(table["eps"], 2 / 255)]
    logits = results.logits(model="two", condition=CONDITIONS[2], eps=2 / 255)
    probabilities = torch.from_numpy(logits).double().softmax(1)
    answers = next(view for view in results.answers() if view.model == "two" and view.eps and view.eps > 1.5 / 255)
    assert cell["image"].tolist() == list(answers.ids)
    assert cell["prediction"].tolist() == [answers.classes[index] for index in probabilities.argmax(1)]
    assert np.allclose(cell["probability"], probabilities.max(1).values)
    assert cell["right"].tolist() == [bool(right) for right in answers.prediction == answers.labels]
    assert cell["texture"].tolist() == [answers.classes[index] for index in answers.texture_labels]


def test_an_image_is_shown_under_every_condition_with_its_maps(results):
    identity = results.answers()[0].ids[0]
    figure = results.show(identity)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 4 * (1 + 2)  # the image, and a row of maps for each model
    drawn = [len(axes.images) for axes in figure.axes]
    assert drawn == [1] * 4 + [2] * 8  # a map lies over its image
    below = figure.axes[0].get_xlabel().splitlines()
    row = results.frame().set_index(["model", "image", "condition"]).loc[[("one", identity, "clean")]].iloc[0]
    assert below[0].startswith(f"one: {row['prediction']} {row['probability']:.2f}")
    assert below[0].endswith("\N{CHECK MARK}" if row["right"] else "\N{BALLOT X}")
    kept = results.images(model="one", condition="saturate:p=8")[0].transpose(1, 2, 0)
    assert np.allclose(figure.axes[1].images[0].get_array(), kept)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_an_image_without_maps_has_none_and_a_position_is_an_image_too(results):
    assert [len(axes.images) for axes in results.show(1).axes] == [1] * 4
    with pytest.raises(StoreError, match=r"has no image '000001.png'; did you mean '000001'\?"):
        results.show("000001.png")
    with pytest.raises(StoreError, match="has 16 images; there is no image 16"):
        results.show(16)


def test_thumbnails_have_their_labels(results):
    figure = results.thumbnails(images=5)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 5
    stored = results.store.datasets()[0]
    assert np.array_equal(shown[-1].images[0].get_array(), stored.thumbnails[-1])
    assert shown[-1].get_title() == stored.classes[stored.labels[-1]]


def test_a_notebook_shows_counts_headline_and_failures(results, failing_network, tmp_path):
    page = results._repr_html_()
    assert "1 data set, 2 models, 3 conditions" in page
    value = results.metric("headline").iloc[0]["value"]
    assert f"{value:.3f} [" in page
    assert "failed" not in page
    study = shapebias.Study("stimuli:images=8,size=32", {"<a>": failing_network})
    with shapebias.run(study, tmp_path / "broken.h5") as broken:
        page = broken._repr_html_()
    assert "1 failed" in page
    assert "&lt;a&gt;" in page
    assert "<a>" not in page


def test_a_preview_is_a_picture():
    assert shapebias.preview("stimuli:size=32", "grayscale", images=1)._repr_png_().startswith(b"\x89PNG")
