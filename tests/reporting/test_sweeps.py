from __future__ import annotations

from types import SimpleNamespace

import pytest

from shapebias.reporting.sweeps import find_sweeps
from shapebias.study import Condition


def answers(*texts, dataset="photos"):
    """Make views with conditions alone; ``TEXT@EPS`` is one eps of a list."""
    views = []
    for text in texts:
        spelled, _, eps = text.partition("@")
        condition = Condition.parse(spelled)
        eps_index = 0 if eps else None
        views.append(
            SimpleNamespace(
                dataset=dataset,
                condition=condition.text,
                eps=float(eps) if eps else None,
                eps_index=eps_index,
                texts={"condition": condition.canonical},
            )
        )
    return views


def shown(series):
    return [(each.title, [point.value for point in each.points], each.axis) for each in series]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["clean", "grayscale"], []),
        (["clean", "saturate:p=8"], []),
        (["saturate:p=64", "clean", "saturate:p=8"], [("saturate: p", [8, 64], False)]),
        (
            ["saturate:p=8", "patch-shuffle:k=2", "saturate:p=16", "patch-shuffle:k=4"],
            [("saturate: p", [8, 16], False), ("patch-shuffle: k", [2, 4], False)],
        ),
        (
            ["grayscale+saturate:p=8", "grayscale+saturate:p=16", "saturate:p=8"],
            [("saturate: p, with grayscale", [8, 16], False)],
        ),
        (["pgd:eps=1/255,steps=5", "pgd:eps=2/255,steps=5"], [("pgd: eps", [1 / 255, 2 / 255], False)]),
        (["pgd:eps=1/255,steps=5", "pgd:eps=2/255,steps=6"], []),
        (["pgd:eps=0.1,0.2@0.1", "pgd:eps=0.1,0.2@0.2"], [("pgd: eps", [0.1, 0.2], True)]),
        (["pgd:eps=0.1,0.2@0.1", "pgd:eps=0.1,0.2@0.2"] * 2, [("pgd: eps", [0.1, 0.2], True)]),
    ],
)
def test_conditions_that_differ_in_one_number_are_a_series(texts, expected):
    assert shown(find_sweeps(answers(*texts))) == expected


def test_each_data_set_has_its_own():
    texts = ["saturate:p=8", "saturate:p=64"]
    series = find_sweeps([*answers(*texts), *answers(*texts, dataset="drawings")])
    assert [each.dataset for each in series] == ["photos", "drawings"]
