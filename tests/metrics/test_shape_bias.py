"""Shape bias against the published answers of observers and models, and against a loop."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import CUE_CLASSES, FakeAnswers, published

from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.shape_bias import ShapeBias
from shapebias.plugins.in_memory import InMemoryResults

HUMANS = "humans/cue-conflict_subject-{:02d}_session_1.csv"
RESNET50 = "models/style-transfer-512-nomask-experiment_resnet50_session-1.csv"


def only(table, averaging):
    (row,) = table[table["averaging"] == averaging].to_dict("records")
    return row


def random_answers(seed, n=200, classes=4):
    rng = np.random.default_rng(seed)
    shape, texture = rng.integers(-1, classes, (2, n))
    return FakeAnswers(rng.integers(-1, classes, n), shape, shape, texture, classes=tuple("abcdefgh"[:classes]))


@pytest.mark.parametrize(
    ("file", "shape", "texture", "bias"),
    [(HUMANS.format(1), 829, 33, 0.9617), (HUMANS.format(3), 1006, 34, 0.9673), (RESNET50, 162, 572, 0.2207)],
)
def test_published_answers_give_the_published_counts(data_dir, file, shape, texture, bias):
    answers = published(data_dir / "decisions" / file)
    table = ShapeBias()(InMemoryResults([answers]))
    micro = only(table, "micro")
    assert (micro["shape_hits"], micro["texture_hits"], micro["n"]) == (shape, texture, shape + texture)
    assert micro["value"] == pytest.approx(bias, abs=5e-5)
    # 1,280 stimuli, 80 of them with shape and texture of one class.
    assert micro["n_conflict"] == 1200
    assert micro["cue_accuracy"] == pytest.approx((shape + texture) / 1200)
    classes = table[table["averaging"] == "class"]
    assert classes["class"].tolist() == list(CUE_CLASSES)
    assert (classes["n_conflict"] == 75).all()
    assert (classes["shape_hits"].sum(), classes["texture_hits"].sum()) == (shape, texture)
    assert only(table, "macro")["value"] == pytest.approx(classes["value"].mean())


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_rows_are_what_a_loop_over_images_finds(seed):
    answers = random_answers(seed)
    hits: dict[int, list[str]] = {}
    images = zip(answers.prediction, answers.shape_labels, answers.texture_labels, strict=True)
    for prediction, shape, texture in images:
        if -1 in (shape, texture) or shape == texture:
            continue
        word = "shape" if prediction == shape else "texture" if prediction == texture else "neither"
        hits.setdefault(shape, []).append(word)
    table = ShapeBias()(InMemoryResults([answers]))
    for shape, words in hits.items():
        (row,) = table[table["class"] == answers.classes[shape]].to_dict("records")
        assert (row["shape_hits"], row["texture_hits"]) == (words.count("shape"), words.count("texture"))
        assert row["n_conflict"] == len(words)
    words = list(itertools.chain(*hits.values()))
    assert only(table, "micro")["value"] == words.count("shape") / (words.count("shape") + words.count("texture"))


def test_the_macro_interval_is_that_of_resampled_images():
    answers = random_answers(7)
    row = only(ShapeBias()(InMemoryResults([answers])), "macro")
    rng = np.random.default_rng(5)

    def macro(picked):
        values = []
        for shape in range(4):
            mine = picked[(picked[:, 1] == shape) & (picked[:, 2] != shape) & (picked[:, 2] >= 0)]
            by_shape, by_texture = (mine[:, 0] == mine[:, 1]).sum(), (mine[:, 0] == mine[:, 2]).sum()
            values += [by_shape / (by_shape + by_texture)] if by_shape + by_texture else []
        return np.mean(values)

    images = np.stack([answers.prediction, answers.shape_labels, answers.texture_labels], axis=1)
    resampled = [macro(images[rng.integers(0, len(images), len(images))]) for _ in range(1500)]
    assert row["value"] == pytest.approx(macro(images))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])), abs=0.02)
    assert row["method"] == "bootstrap percentile 95 %"


def test_a_class_without_a_decided_image_is_not_in_the_macro_mean():
    answers = FakeAnswers(
        prediction=[0, 1, 2, -1], labels=[0, 0, 1, 1], shape_labels=[0, 0, 1, 1], texture_labels=[1, 1, 0, 0]
    )
    table = ShapeBias()(InMemoryResults([answers]))
    dog = table[table["class"] == "dog"].iloc[0]
    assert np.isnan(dog["value"])
    assert (dog["n"], dog["n_conflict"]) == (0, 2)
    assert only(table, "macro")["value"] == only(table, "micro")["value"] == 0.5


def test_nothing_decided_has_no_value():
    table = ShapeBias()(InMemoryResults([FakeAnswers([2, -1], [0, 0], [0, 0], [1, 1])]))
    assert table[["value", "low", "high"]].isna().all(axis=None)
    assert table["n"].tolist() == [0, 0, 0]
    assert table["n_conflict"].tolist() == [2, 2, 2]


def test_micro_and_class_rows_have_an_interval_where_every_answer_is_shape():
    table = ShapeBias()(InMemoryResults([FakeAnswers([0] * 10, [0] * 10, [0] * 10, [1] * 10)]))
    assert only(table, "micro")["low"] == pytest.approx(1 - 0.2775, abs=1e-4)  # Wilson's 10/10
    assert only(table, "micro")["high"] == 1


def test_the_order_of_the_images_does_not_matter():
    results = InMemoryResults([random_answers(0), attrs.evolve(random_answers(1), model="other")])
    pd.testing.assert_frame_equal(ShapeBias()(results), ShapeBias()(results.shuffled(3)))


def test_the_seed_of_the_study_is_that_of_the_interval():
    answers = [random_answers(0)]
    first, again, other = (ShapeBias()(InMemoryResults(answers, seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert only(first, "macro")["low"] != only(other, "macro")["low"]


def test_without_conflict_the_table_is_empty_and_says_why():
    table = ShapeBias()(InMemoryResults([FakeAnswers([0], [0], [0], [0]), FakeAnswers([0], [0])]))
    assert table.empty
    assert tuple(table.columns[:10]) == COLUMNS
    assert "cue conflict" in table.attrs["note"]
