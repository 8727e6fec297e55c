"""The table of paired differences: who is compared with whom, and which p-values are corrected together."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from metric_fakes import FakeAnswers, published
from scipy import stats

from shapebias.errors import DataError, SpellingError
from shapebias.metrics.frames import COLUMNS
from shapebias.metrics.paired_difference import PairedDifference
from shapebias.plugins.in_memory import InMemoryResults


def answers(seed, model, condition="clean", n=80, accuracy=0.6):
    rng = np.random.default_rng(seed)
    shape, step = rng.integers(0, 4, n), rng.integers(1, 4, n)
    texture = (shape + step) % 4
    prediction = np.where(rng.random(n) < accuracy, shape, texture)
    return FakeAnswers(prediction, shape, shape, texture, model=model, condition=condition, classes=tuple("abcd"))


def study():
    models = (("standard", 0.3), ("robust", 0.7), ("third", 0.35))
    return InMemoryResults([
        answers(seed, model, condition, accuracy=accuracy)
        for condition, seed in (("clean", 1), ("grayscale", 1))
        for model, accuracy in models
    ])  # fmt: skip


def test_each_model_stands_against_the_first_in_each_cell():
    table = PairedDifference()(study())
    assert tuple(table.columns) == (*COLUMNS, "against", "p", "p_adjusted", "test")
    assert table["against"].unique().tolist() == ["standard"]
    assert table["metric"].value_counts().to_dict() == {"accuracy-difference": 4, "shape-bias-difference": 4}
    row = table[(table["model"] == "robust") & (table["metric"] == "accuracy-difference")].iloc[0]
    first, second = (next(one for one in study().answers() if one.model == name) for name in ("robust", "standard"))
    right = [one.prediction == one.labels for one in (first, second)]
    assert row["value"] == pytest.approx(right[0].mean() - right[1].mean())
    only = [(right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()]
    assert row["p"] == pytest.approx(stats.binomtest(int(only[0]), int(sum(only))).pvalue)


def test_another_model_can_be_the_standard_and_one_measure_be_asked_for():
    table = PairedDifference(against="robust", of="accuracy")(study())
    assert table["model"].unique().tolist() == ["standard", "third"]
    assert table["metric"].unique().tolist() == ["accuracy-difference"]
    back = PairedDifference(of="accuracy")(study())
    there = back[(back["model"] == "robust") & (back["condition"] == "clean")]["value"].item()
    here = table[(table["model"] == "standard") & (table["condition"] == "clean")]["value"].item()
    assert here == pytest.approx(-there)


def test_p_values_of_one_measure_are_corrected_together():
    table = PairedDifference()(study())
    for _, rows in table.groupby("metric"):
        smallest = rows["p"].idxmin()
        assert rows.loc[smallest, "p_adjusted"] == pytest.approx(min(1, 4 * rows.loc[smallest, "p"]))
    plain = PairedDifference(correction="none")(study())
    assert (plain["p_adjusted"] == plain["p"]).all()


def test_subjects_and_a_network_on_their_common_stimuli(data_dir):
    folder = data_dir / "decisions"
    network = published(folder / "models" / "style-transfer-512-nomask-experiment_resnet50_session-1.csv")
    person = published(folder / "humans" / "cue-conflict_subject-01_session_1.csv")
    table = PairedDifference(against="resnet50")(InMemoryResults([network, person])).set_index("metric")
    # Published biases .9617 and .2207; see the tests of shape-bias.
    assert table.loc["shape-bias-difference", "value"] == pytest.approx(829 / 862 - 162 / 734)
    assert table.loc["shape-bias-difference", "n"] == 1200
    assert table.loc["shape-bias-difference", "p_adjusted"] == pytest.approx(1 / 10_000)
    assert 0.70 < table.loc["shape-bias-difference", "low"] < 0.7411 < table.loc["shape-bias-difference", "high"] < 0.78


def test_the_order_of_the_images_does_not_matter():
    pd.testing.assert_frame_equal(PairedDifference()(study()), PairedDifference()(study().shuffled(2)))


def test_data_without_conflict_have_a_difference_of_accuracies_alone():
    cells = [FakeAnswers([0, 1], [0, 0], model=name) for name in ("one", "two")]
    assert PairedDifference()(InMemoryResults(cells))["metric"].tolist() == ["accuracy-difference"]


def test_one_model_or_none_gives_an_empty_table_that_says_why():
    for results in (InMemoryResults(), InMemoryResults([answers(0, "alone")])):
        table = PairedDifference()(results)
        assert table.empty
        assert "no two models" in table.attrs["note"]


def test_a_standard_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(DataError, match=r"against='nobody' is not a model.*standard, robust, third"):
        PairedDifference(against="nobody")(study())
    with pytest.raises(SpellingError, match="of: must be"):
        PairedDifference(of="kappa")
    assert attrs.evolve(PairedDifference(), correction="benjamini-hochberg").correction == "benjamini-hochberg"
