"""Cohen's kappa against published examples, the formula in a loop, and the answers of observers."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_fakes import FakeAnswers, published
from scipy import stats

from shapebias.metrics.error_consistency import ErrorConsistency, cohens_kappa
from shapebias.metrics.frames import COLUMNS
from shapebias.plugins.in_memory import InMemoryResults


def pair(first, second, **cell):
    """Two models' answers from whether each image is right."""
    labels = np.zeros(len(first))
    return [
        FakeAnswers([0 if right else 1 for right in model], labels, model=name, **cell)
        for name, model in (("one", first), ("two", second))
    ]


def kappa_in_a_loop(first, second):
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    p, q = sum(first) / len(first), sum(second) / len(second)
    expected = p * q + (1 - p) * (1 - q)
    return observed, expected, (observed - expected) / (1 - expected)


# Both wrong, second right, first right, both right.
@pytest.mark.parametrize(
    ("counts", "kappa"),
    [
        ([70, 10, 5, 15], 0.57),  # Viera & Garrett 2005, "Understanding interobserver agreement"
        ([15, 10, 5, 20], 0.40),  # the usual textbook example: 50 grants, two readers
        (
            [5, 5, 5, 85],
            0.4444,
        ),  # Feinstein & Cicchetti 1990, "High agreement but low kappa": same agreement, 90 %, ...
        ([43, 5, 5, 47], 0.7997),  # ... but another prevalence
    ],
)
def test_worked_examples(counts, kappa):
    assert cohens_kappa(np.array(counts)) == pytest.approx(kappa, abs=5e-3)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=3, max_size=60))
def test_kappa_is_that_of_a_loop(trials):
    first, second = ([*answers, True, False] for answers in zip(*trials, strict=True))
    table = ErrorConsistency()(InMemoryResults(pair(first, second)))
    (row,) = table.to_dict("records")
    observed, expected, kappa = kappa_in_a_loop(first, second)
    assert (row["observed"], row["expected"], row["value"]) == pytest.approx((observed, expected, kappa))
    assert (row["model"], row["other"], row["n"]) == ("one", "two", len(first))


def test_observers_against_the_formula_and_scipys_bootstrap(data_dir):
    folder = data_dir / "decisions" / "humans"
    observers = [published(folder / f"cue-conflict_subject-{number:02d}_session_1.csv") for number in (1, 2, 3)]
    table = ErrorConsistency()(InMemoryResults(observers))
    # Every observer saw the stimuli in another order.
    assert observers[0].ids != observers[1].ids
    right = [dict(zip(each.ids, each.prediction == each.labels, strict=True)) for each in observers]
    for (first, second), row in zip(itertools.combinations(right, 2), table.to_dict("records"), strict=True):
        pairs = np.array([(first[image], second[image]) for image in first])
        assert row["value"] == pytest.approx(kappa_in_a_loop(*pairs.T.tolist())[2])
        assert row["n"] == 1280
        assert row["method"] == "bootstrap percentile 95 %"

    def kappa(first, second):
        return kappa_in_a_loop(first.tolist(), second.tolist())[2]

    reference = stats.bootstrap(
        tuple(pairs.T), kappa, paired=True, vectorized=False, n_resamples=1500, method="percentile", rng=0
    )
    assert (row["low"], row["high"]) == pytest.approx(tuple(reference.confidence_interval), abs=0.01)


def test_one_model_with_itself_agrees_and_with_its_opposite_does_not():
    right = np.arange(10) % 2 == 0
    same, opposite = (ErrorConsistency()(InMemoryResults(pair(right, other))) for other in (right, ~right))
    assert same["value"].item() == 1
    assert opposite["value"].item() == -1


@pytest.mark.parametrize("right", [[True, True], [False, False]])
def test_certain_agreement_has_no_kappa(right):
    (row,) = ErrorConsistency()(InMemoryResults(pair(right, right))).to_dict("records")
    assert np.isnan([row["value"], row["low"], row["high"]]).all()
    assert (row["observed"], row["expected"], row["n"]) == (1, 1, 2)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("right", [0, 4])
def test_a_model_that_makes_no_error_or_only_errors_has_no_kappa(right, swapped):
    answers = ([True] * right + [False] * (4 - right), [True, False, False, True])
    table = ErrorConsistency()(InMemoryResults(pair(*(reversed(answers) if swapped else answers))))
    (row,) = table.to_dict("records")
    assert np.isnan([row["value"], row["low"], row["high"]]).all()
    assert (row["observed"], row["expected"], row["n"]) == (0.5, 0.5, 4)
    name = "two" if swapped else "one"
    assert table.attrs["note"].endswith(f"always wrong: {name} on photos | clean ({right} of 4 right)")


def test_resamples_in_which_a_model_makes_no_error_are_left_out():
    """One of two images wrong, both models alike: every resample that has both images gives 1, the others nothing."""
    (row,) = ErrorConsistency()(InMemoryResults(pair([True, False], [True, False]))).to_dict("records")
    assert (row["value"], row["low"], row["high"]) == (1, 1, 1)


def test_images_are_paired_by_id_and_only_those_of_both_count():
    first, second = pair([True, False, True, False], [True, False, True, True])
    second = second.taking([3, 1, 2])
    (row,) = ErrorConsistency()(InMemoryResults([first, second])).to_dict("records")
    assert row["n"] == 3
    assert row["value"] == pytest.approx(kappa_in_a_loop([False, True, False], [False, True, True])[2])


def test_models_without_a_common_image_have_no_kappa():
    first, second = pair([True, False], [True, False])
    second = attrs.evolve(second, ids=("x", "y"))
    (row,) = ErrorConsistency()(InMemoryResults([first, second])).to_dict("records")
    assert np.isnan([row["value"], row["observed"], row["expected"]]).all()
    assert row["n"] == 0


def test_only_the_same_data_set_condition_and_eps_are_compared():
    right = [True, False]
    cells = [pair(right, right, condition="pgd", eps=eps) for eps in (0.1, 0.2)]
    cells += [pair(right, right), pair(right, right, dataset="other")]
    table = ErrorConsistency()(InMemoryResults([answers for cell in cells for answers in cell]))
    assert len(table) == 4
    assert tuple(table.columns) == (*COLUMNS, "other", "observed", "expected")
    assert table["eps"].fillna(0).tolist() == [0.1, 0.2, 0, 0]


def test_the_order_of_the_images_does_not_matter():
    rng = np.random.default_rng(0)
    results = InMemoryResults(pair(*(rng.random((2, 50)) < 0.6)))
    pd.testing.assert_frame_equal(ErrorConsistency()(results), ErrorConsistency()(results.shuffled(1)))


def test_one_model_gives_an_empty_table_that_says_why():
    table = ErrorConsistency()(InMemoryResults(pair([True], [True])[:1]))
    assert table.empty
    assert "no two models" in table.attrs["note"]
