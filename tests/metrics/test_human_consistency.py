"""Human consistency against the protocol written as loops, and what counts and what does not."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pandas as pd
import pytest
from metric_fakes import FakeAnswers

from shapebias.metrics.error_consistency import cohens_kappa
from shapebias.metrics.human_consistency import MEASURES, HumanConsistency, protocol_kappa
from shapebias.plugins.in_memory import InMemoryResults

PEOPLE = ("subject-01", "subject-02", "subject-03")
KEPT, LEFT_OUT = ("90", "180"), "clean"


def answers(right, model, **cell):
    """Answers from whether each image is right; conditions of the set ``rotation``, of which ``clean`` is left out."""
    return FakeAnswers([0 if each else 1 for each in right], np.zeros(len(right)), model=model, **cell)


@pytest.fixture(scope="module")
def drawn():
    """Whether each of 40 images is right, by condition and model."""
    rng = np.random.default_rng(0)
    models = ("net", *PEOPLE)
    return {
        (where, who): rng.random(40) < 0.3 + 0.1 * at for where in (*KEPT, LEFT_OUT) for at, who in enumerate(models)
    }


def cells(drawn, dataset="rotation"):
    return [answers(right, who, condition=where, dataset=dataset) for (where, who), right in drawn.items()]


def compared(first, second):
    """The three measures of the protocol between two deciders, in loops."""
    p, q = sum(first) / len(first), sum(second) / len(second)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / len(first)
    expected = p * q + (1 - p) * (1 - q)
    return (p - q) ** 2, observed, 1.0 if observed == 1 else (observed - expected) / (1 - expected)


def averaged(drawn, pairs):
    by_pair = []
    for one, other in pairs:
        by_condition = [compared(drawn[where, one].tolist(), drawn[where, other].tolist()) for where in KEPT]
        by_pair.append(np.mean(by_condition, axis=0))
    return np.mean(by_pair, axis=0)


def measured(table, model, dataset="rotation"):
    rows = table[(table["model"] == model) & (table["dataset"] == dataset)].set_index("measure")
    return rows.loc[list(MEASURES), "value"].to_numpy()


def test_means_are_over_conditions_then_observers(drawn):
    table = HumanConsistency()(InMemoryResults(cells(drawn)))
    *consistency, accuracy = measured(table, "net")
    assert consistency == pytest.approx(averaged(drawn, [("net", person) for person in PEOPLE]))
    assert accuracy == pytest.approx(np.mean([drawn[where, "net"] for where in KEPT]))
    assert table["n"].unique().tolist() == [80]


def test_people_are_compared_with_each_other_once(drawn):
    *consistency, accuracy = measured(HumanConsistency()(InMemoryResults(cells(drawn))), "people")
    assert consistency == pytest.approx(averaged(drawn, itertools.combinations(PEOPLE, 2)))
    assert accuracy == pytest.approx(np.mean([drawn[where, who] for where in KEPT for who in PEOPLE]))


def test_sets_count_equally_whatever_their_size(drawn):
    small = {key: right[:7] for key, right in drawn.items()}
    table = HumanConsistency()(InMemoryResults(cells(drawn) + cells(small, "model-vs-human:rotation")))
    both = [measured(table, "net", dataset) for dataset in ("rotation", "model-vs-human:rotation")]
    assert measured(table, "net", "all sets") == pytest.approx(np.mean(both, axis=0))
    assert table[table["averaging"] == "all"]["sets"].unique().tolist() == [2]


def test_the_interval_is_that_of_resampled_images(drawn):
    table = HumanConsistency()(InMemoryResults(cells(drawn)))
    (row,) = table[(table["model"] == "net") & (table["measure"] == "error-consistency")].to_dict("records")
    rng = np.random.default_rng(1)
    kappas = []
    for _ in range(600):
        positions = {where: rng.integers(0, 40, 40) for where in KEPT}
        again = {(where, who): drawn[where, who][positions[where]] for where, who in drawn if where in KEPT}
        kappas.append(averaged(again, [("net", person) for person in PEOPLE])[2])
    assert (row["low"], row["high"]) == pytest.approx(np.quantile(kappas, [0.025, 0.975]), abs=0.03)
    assert row["low"] < row["value"] < row["high"]


def test_rows_for_each_condition_have_those_left_out_too(drawn):
    table = HumanConsistency(conditions=True)(InMemoryResults(cells(drawn)))
    each = table[(table["averaging"] == "condition") & (table["model"] == "net")]
    assert set(each["condition"]) == {*KEPT, LEFT_OUT}
    whole = [
        np.mean([compared(drawn[where, "net"], drawn[where, person]) for person in PEOPLE], axis=0) for where in KEPT
    ]
    for where, values in zip(KEPT, whole, strict=True):
        found = each[each["condition"] == where].set_index("measure").loc[list(MEASURES[:3]), "value"]
        assert found.to_numpy() == pytest.approx(values)


@pytest.mark.parametrize("form", ["session-1/{at:04}_rot_dnn_{where}_dog_20_n{at}.png", "{where}/dog/n{at}.png"])
def test_conditions_may_be_in_the_names_of_the_images(drawn, form):
    def joined(who):
        ids = [form.format(where=where, at=at) for where in (*KEPT, "0") for at in range(40)]
        right = np.concatenate([drawn[where, who] for where in (*KEPT, LEFT_OUT)])
        return attrs.evolve(answers(right, who, dataset="rotation"), ids=tuple(ids))

    named = HumanConsistency()(InMemoryResults([joined(who) for who in ("net", *PEOPLE)]))
    apart = HumanConsistency()(InMemoryResults(cells(drawn)))
    pd.testing.assert_frame_equal(named, apart)


def test_a_set_is_known_by_its_text_whatever_its_name(drawn):
    texts = {"dataset": "model-vs-human:set=rotation,condition=90,180,0,path=none"}
    named = [attrs.evolve(cell, texts=texts) for cell in cells(drawn, dataset="mine")]
    found, plain = (HumanConsistency()(InMemoryResults(each)) for each in (named, cells(drawn, dataset="mine")))
    assert found["n"].unique().tolist() == [80]
    assert "note" not in found.attrs
    assert plain["n"].unique().tolist() == [120]
    assert plain.attrs["note"] == "mine: not a set of model-vs-human, so no condition is left out"


def test_kappa_is_1_where_all_agree_which_error_consistency_does_not_define():
    everything_right = np.array([0, 0, 0, 9])
    assert protocol_kappa(everything_right) == 1
    assert np.isnan(cohens_kappa(everything_right))


def test_a_model_without_errors_has_kappa_0_with_a_person_who_makes_some():
    cell = [
        answers([True] * 4, "net", dataset="sketch"),
        answers([True, False, True, True], "subject-01", dataset="sketch"),
    ]
    assert measured(HumanConsistency()(InMemoryResults(cell)), "net", "sketch").tolist() == [0.0625, 0.75, 0, 1]


def test_only_images_that_both_saw_count_for_a_pair():
    first = answers([True, False, True, False], "net", dataset="sketch")
    second = answers([True, True, True, True, False], "subject-01", dataset="sketch").taking([4, 2, 1, 0])
    table = HumanConsistency()(InMemoryResults([first, second]))
    assert measured(table, "net", "sketch") == pytest.approx([(2 / 3 - 1) ** 2, 2 / 3, 0, 0.5])


def test_conditions_of_the_study_that_no_person_saw_do_not_count(drawn):
    more = [answers([True] * 40, "net", condition="saturate:p=8", dataset="rotation")]
    more.append(answers([True] * 40, "net", condition="90", eps=0.1, dataset="rotation"))
    pd.testing.assert_frame_equal(
        HumanConsistency()(InMemoryResults(cells(drawn) + more)), HumanConsistency()(InMemoryResults(cells(drawn)))
    )


def test_people_may_have_other_names(drawn):
    renamed = [attrs.evolve(cell, model=cell.model.replace("subject-", "ann ")) for cell in cells(drawn)]
    table = HumanConsistency()(InMemoryResults(renamed))
    assert (len(table), "'subject-*'" in table.attrs["note"]) == (0, True)
    table = HumanConsistency(observers="ann *")(InMemoryResults(renamed))
    assert measured(table, "people")[:3] == pytest.approx(averaged(drawn, itertools.combinations(PEOPLE, 2)))


def test_a_set_of_ones_own_keeps_all_conditions_and_says_so(drawn):
    table = HumanConsistency()(InMemoryResults(cells(drawn, "mine")))
    assert table["n"].unique().tolist() == [120]
    assert "mine: not a set of model-vs-human" in table.attrs["note"]


def test_the_order_of_images_and_of_models_does_not_matter(drawn):
    results = InMemoryResults(cells(drawn))
    shuffled = results.shuffled(1)
    pd.testing.assert_frame_equal(HumanConsistency()(results), HumanConsistency()(shuffled))
