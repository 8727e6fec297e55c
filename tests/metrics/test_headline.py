"""The headline table: which cell speaks for which cue, and that its numbers are those of the other metrics."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from metric_fakes import FakeAnswers, published

from shapebias.metrics._regions import REGIONS, regions
from shapebias.metrics.accuracy import Accuracy
from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.headline import Headline
from shapebias.metrics.paired_difference import PairedDifference
from shapebias.metrics.saliency_share import SaliencyShare
from shapebias.metrics.shape_bias import ShapeBias
from shapebias.plugins.in_memory import InMemoryMaps, InMemoryResults

UNKNOWN = np.full(60, -1)
KINDS = {"conflict": (True, True), "shape": (True, False), "texture": (False, True), "match": (True, True)}


def answers(dataset, model, accuracy, **cell):
    rng = np.random.default_rng(len(dataset))
    labels = rng.integers(0, 4, 60)
    texture = (labels + 1) % 4 if dataset == "conflict" else labels
    has_shape, has_texture = KINDS[dataset]
    right = np.random.default_rng(int(1000 * accuracy)).random(60) < accuracy
    return FakeAnswers(
        np.where(right, labels, (labels + 1) % 4),
        labels,
        labels if has_shape else UNKNOWN,
        texture if has_texture else UNKNOWN,
        dataset=dataset,
        model=model,
        classes=tuple("abcd"),
        **cell,
    )


def study():
    return InMemoryResults([
        answers(dataset, model, accuracy)
        for dataset in KINDS
        for model, accuracy in (("standard", 0.4), ("robust", 0.7))
    ])  # fmt: skip


def cues(table):
    return {(row["dataset"], row["condition"]): row["cue"] for row in table.to_dict("records")}


def test_each_kind_of_images_speaks_for_its_cue():
    table = Headline()(study())
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    kinds = table.groupby("dataset")[["metric", "cue"]].first()
    assert kinds.T.to_dict("list") == {
        "conflict": ["shape-bias", "shape"],
        "match": ["accuracy", "both"],
        "shape": ["accuracy", "shape"],
        "texture": ["accuracy", "texture"],
    }
    assert table["cue"].tolist() == sorted(table["cue"], key=("both", "shape", "texture").index)


def test_the_numbers_are_those_of_accuracy_shape_bias_and_their_paired_differences():
    results = study()
    table = Headline(against="standard", correction="none")(results)
    bias, accuracy, differences = ShapeBias()(results), Accuracy(top=1)(results), PairedDifference()(results)
    for row in table.to_dict("records"):
        source = bias[bias["averaging"] == "micro"] if row["metric"] == "shape-bias" else accuracy
        (same,) = source[(source["dataset"] == row["dataset"]) & (source["model"] == row["model"])].to_dict("records")
        assert [row[name] for name in ("value", "low", "high", "n")] == [
            same[name] for name in ("value", "low", "high", "n")
        ]
        selected = (differences["dataset"] == row["dataset"]) & (differences["metric"] == f"{row['metric']}-difference")
        (difference,) = differences[selected].to_dict("records")
        if row["model"] == "robust":
            found = [row[name] for name in ("difference", "difference_low", "difference_high", "p", "against")]
            assert found == [difference[name] for name in ("value", "low", "high", "p", "against")]
        else:
            assert np.isnan(row["difference"])


def test_conditions_speak_for_the_cue_that_they_leave():
    cells = [
        answers("match", "net", 0.5, condition="saturate:p=8", destroys=("texture",)),
        answers("match", "net", 0.5, condition="patch-shuffle:k=4", destroys=("shape",)),
        answers("match", "net", 0.5, condition="grayscale", destroys=("colour",)),
        answers("match", "net", 0.5, condition="patch-shuffle+saturate", destroys=("shape", "texture")),
        answers("match", "net", 0.5, condition="pgd", eps=0.1),
        answers("shape", "net", 0.5, condition="saturate:p=8", destroys=("texture",)),
    ]
    assert cues(Headline()(InMemoryResults(cells))) == {
        ("match", "saturate:p=8"): "shape",
        ("match", "patch-shuffle:k=4"): "texture",
    }


def test_a_conflict_counts_where_the_condition_made_it_and_once_where_the_images_have_it():
    changed = {"condition": "saturate:p=8", "destroys": ("texture",)}
    of_the_images = InMemoryResults([answers("conflict", "net", 0.5), answers("conflict", "net", 0.5, **changed)])
    assert cues(Headline()(of_the_images)) == {("conflict", "clean"): "shape"}
    swapped = {"condition": "amplitude-swap", "destroys": ("texture",)}
    made = attrs.evolve(answers("conflict", "net", 0.5, **swapped), dataset="match")
    table = Headline()(InMemoryResults([answers("match", "net", 0.5), made]))
    assert table.set_index("condition")["metric"].to_dict() == {"clean": "accuracy", "amplitude-swap": "shape-bias"}


def test_saliency_stands_on_the_contour_for_shape_and_inside_for_texture():
    masks = np.zeros((8, 32, 32), dtype=bool)
    masks[:, 8:24, 8:24] = True
    cut = regions(masks, 1 / 32)
    rng = np.random.default_rng(0)
    maps = [
        InMemoryMaps((cut == selected) + rng.random(masks.shape), masks=masks, model=model, condition=condition)
        for model, selected in (("standard", REGIONS.index("inside")), ("robust", REGIONS.index("contour")))
        for condition in ("clean", "grayscale")
    ]
    results = attrs.evolve(study(), maps=maps)
    table = Headline()(results)
    shares = table[table["metric"] == "saliency-share"].set_index(["cue", "model"])
    assert shares["region"].to_dict() == {
        ("shape", "standard"): "contour", ("shape", "robust"): "contour",
        ("texture", "standard"): "inside", ("texture", "robust"): "inside",
    }  # fmt: skip
    of_metric = SaliencyShare()(results)
    selected = (
        (of_metric["model"] == "robust") & (of_metric["region"] == "contour") & (of_metric["condition"] == "clean")
    )
    assert shares.loc[("shape", "robust"), "value"] == of_metric[selected]["value"].item()
    assert shares.loc[("shape", "robust"), "difference_low"] > 0 > shares.loc[("texture", "robust"), "difference_high"]
    # Eight images: at best one of 2^8 exchanges, either way.
    assert shares.loc[("shape", "robust"), "p"] == pytest.approx(2 / 256, abs=0.003)


def test_p_values_are_corrected_together():
    table = Headline()(study())
    p = table["p"].dropna()
    assert table.loc[p.idxmin(), "p_adjusted"] == pytest.approx(min(1, p.min() * len(p)))


def test_a_person_beside_a_network_on_the_published_stimuli(data_dir):
    folder = data_dir / "decisions"
    network = published(folder / "models" / "style-transfer-512-nomask-experiment_resnet50_session-1.csv")
    person = published(folder / "humans" / "cue-conflict_subject-03_session_1.csv")
    table = Headline()(InMemoryResults([network, person])).set_index("model")
    assert table["value"].round(4).to_dict() == {"resnet50": 0.2207, "subject-03": 0.9673}
    assert table.loc["subject-03", "difference"] == pytest.approx(0.9673 - 0.2207, abs=1e-4)


def test_the_order_of_the_images_does_not_matter_and_nothing_says_why():
    pd.testing.assert_frame_equal(Headline()(study()), Headline()(study().shuffled(4)))
    empty = Headline()(InMemoryResults())
    assert empty.empty
    assert "no finished predictions" in empty.attrs["note"]
