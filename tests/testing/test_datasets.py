from __future__ import annotations

import attrs
import numpy as np
import pytest

from shapebias.plugin import Sample


def picture(index, random=None, **changes):
    random = random or np.random.default_rng(index)
    image = random.integers(256, size=(8, 9, 3), dtype=np.uint8)
    usual = {"image": image, "id": f"{index}.png", "label": index % 2, "mask": image[..., 0] > 100}
    return Sample(**{**usual, **changes})


def pictures(sample=picture, classes=("one", "two"), length=6, *, endless=False):
    """Make a data set class of six pictures, in which one thing may be wrong."""

    @attrs.frozen
    class DecodedImages:
        """Noise of two classes."""

        @property
        def classes(self):
            return classes

        def __len__(self):
            return length

        def __getitem__(self, index):
            return sample(index if endless else range(length)[index])

    return DecodedImages


BROKEN = [
    ("gives images of one declared size", {"sample": lambda index: picture(index, image=np.zeros((8, 8 + index, 3)))}),
    ("gives images of one declared size", {"sample": lambda index: picture(index, image=np.full((8, 9, 3), 255.0))}),
    ("gives images of one declared size", {"sample": lambda index: picture(index, image=np.zeros((8, 9)))}),
    ("has ids that are unique", {"sample": lambda index: picture(index, id="same.png")}),
    ("has labels that are classes", {"classes": ("one",)}),
    ("has labels that are classes", {"classes": ("one", "one")}),
    ("has as many images as it says", {"endless": True}),
    ("has as many images as it says", {"length": 0}),
    ("has masks of the image's size", {"sample": lambda index: picture(index, mask=np.zeros((9, 8), bool))}),
    ("gives the same image every time", {"sample": lambda index: picture(index, np.random.default_rng())}),
]


@pytest.mark.parametrize(("rule", "fault"), BROKEN)
def test_each_rule_finds_who_breaks_it(failures, rule, fault):
    assert rule in failures("dataset", pictures(**fault))


def test_a_data_set_that_breaks_no_rule(failures):
    assert failures("dataset", pictures()) == {}
