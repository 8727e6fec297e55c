from __future__ import annotations

import numpy as np
import pytest

import shapebias
from shapebias.errors import FigureError

IMAGES = "stimuli:cue=conflict,images=40,size=32"
NET = "cnn:num_classes=8,width=4"
CONDITIONS = ["clean", "saturate:p=8"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a small study and open it."""
    folder = tmp_path_factory.mktemp("compare")

    def make(name, models, limit=None, images=IMAGES):
        study = shapebias.Study({"pictures": images}, models, CONDITIONS, limit=limit)
        return shapebias.run(study, folder / f"{name}.h5")

    return make


@pytest.fixture(scope="module")
def pair(run):
    return run("before", {"net": NET, "gone": f"{NET},seed=9"}), run("after", {"net": f"{NET},seed=3"}, limit=30)


def right(results, condition):
    (view,) = [each for each in results.answers() if each.model == "net" and each.condition == condition]
    return dict(zip(view.ids, view.prediction == view.labels, strict=True))


def test_values_and_counts_are_those_of_the_common_images(pair):
    table = shapebias.compare(*pair).set_index(["condition", "metric"])
    for condition in CONDITIONS:
        old, new = (right(results, condition) for results in pair)
        ids = [identity for identity in old if identity in new]
        assert len(ids) == 30
        row = table.loc[condition, "accuracy-difference"]
        assert row["n"] == 30
        assert row["before"] == pytest.approx(np.mean([old[identity] for identity in ids]))
        assert row["after"] == pytest.approx(np.mean([new[identity] for identity in ids]))
        assert row["value"] == pytest.approx(row["after"] - row["before"])
        assert row["lost"] == sum(old[identity] and not new[identity] for identity in ids)
        assert row["gained"] == sum(new[identity] and not old[identity] for identity in ids)
        bias = table.loc[condition, "shape-bias-difference"]
        assert bias["value"] == pytest.approx(bias["after"] - bias["before"])


def test_only_models_of_one_label_are_compared(pair):
    assert set(shapebias.compare(*pair)["model"]) == {"net"}


def test_two_files_with_one_model_each_are_compared_whatever_the_labels(run, pair):
    other = run("other", {"tuned": f"{NET},seed=3"})
    assert set(shapebias.compare(pair[1], other)["model"]) == {"tuned after net"}


def test_a_file_against_itself_has_no_difference(pair):
    table = shapebias.compare(pair[1], pair[1])
    assert (table["value"] == 0).all()
    assert (table["lost"].dropna() == 0).all()
    assert (table["before"] == table["after"]).all()


def test_models_that_cannot_be_paired_are_an_error_in_words(run, pair):
    other = run("third", {"tuned": f"{NET},seed=3"})
    with pytest.raises(FigureError, match="the same label"):
        shapebias.compare(pair[0], other)


def test_other_data_sets_are_an_error_in_words(tmp_path, pair):
    study = shapebias.Study({"others": IMAGES}, {"net": NET}, CONDITIONS)
    with (
        shapebias.run(study, tmp_path / "others.h5") as others,
        pytest.raises(FigureError, match="no images in common"),
    ):
        shapebias.compare(pair[1], others)
