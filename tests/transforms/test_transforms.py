"""What the specs of the built-in transforms declare, checked on an image."""

from __future__ import annotations

import pytest
import torch

from shapebias.rng import ImageRandom
from shapebias.transforms import shapebias_transforms

SPECS = {spec.name: spec for spec in shapebias_transforms()}


def test_the_study_s_transforms_are_there():
    assert {"saturate", "patch-shuffle", "grayscale"} <= set(SPECS)
    assert SPECS["saturate"].destroys == ("texture",)
    assert SPECS["patch-shuffle"].destroys == ("shape",)
    assert SPECS["grayscale"].destroys == ("colour",)


@pytest.mark.parametrize("name", ["saturate", "patch-shuffle", "grayscale"])
def test_a_white_square_moves_only_where_declared(name):
    images = torch.zeros(1, 3, 16, 16)
    images[..., 3:9, 5:10] = 1
    changed = SPECS[name].load()()(images, ImageRandom.for_images(0, name, 0, ["square"]))
    assert (not torch.allclose(changed, images, atol=1e-6)) == SPECS[name].moves_pixels


@pytest.mark.parametrize("name", ["saturate", "patch-shuffle", "grayscale"])
def test_global_random_state_is_untouched(name):
    images, random = torch.rand(2, 3, 16, 16), ImageRandom.for_images(0, name, 0, ["a", "b"])
    before = torch.random.get_rng_state()
    SPECS[name].load()()(images, random)
    assert torch.equal(torch.random.get_rng_state(), before)
