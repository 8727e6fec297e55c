from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from shapebias.reporting.sweeps import find_sweeps
from shapebias.rng import ImageRandom
from shapebias.study import Condition
from shapebias.transforms import shapebias_transforms


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
                steps=condition.steps,
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


@pytest.mark.parametrize(
    "spec", [spec for spec in shapebias_transforms() if spec.unchanged and spec.name != "stylize"], ids=lambda s: s.name
)
def test_the_value_where_clean_images_are_drawn_changes_nothing(spec):
    parameter, unchanged = spec.unchanged
    images = 0.2 + 0.6 * torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    value = unchanged or (1e-3 if spec.name == "blur" else 0)  # a blur has some width
    transform = spec.load()(**{parameter: value})
    needs = {need: images.flip(0) for need in spec.needs}
    result = transform(images, ImageRandom.for_images(0, spec.name, 0, ["a", "b"]), **needs)
    assert (result - images).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("texts", "unchanged", "logarithmic"),
    [
        (["saturate:p=1", "saturate:p=4", "saturate:p=1024"], 2, True),
        (["saturate:p=4", "saturate:p=8"], 2, False),
        (["patch-shuffle:k=2", "patch-shuffle:k=8"], 1, True),
        (["pgd:eps=1/255", "pgd:eps=8/255"], 0, False),
        (["low-pass:radius=1", "low-pass:radius=40"], None, True),
        (["grayscale+saturate:p=4", "grayscale+saturate:p=64"], None, True),
    ],
)
def test_the_axis_has_the_value_that_changes_nothing_and_is_logarithmic_where_values_spread(
    texts, unchanged, logarithmic
):
    (series,) = find_sweeps(answers(*texts))
    assert (series.unchanged, series.is_logarithmic) == (unchanged, logarithmic)
