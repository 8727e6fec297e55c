"""Gradients that are not finite: the attacks report for which images, and attack the others."""

from __future__ import annotations

import pytest
import torch
from shapebias_foolbox.boundary_attacks import HopSkipJump
from shapebias_foolbox.corruptions import ContrastReduction
from shapebias_foolbox.fixed_epsilon import AdamPgd, MiFgsm, Pgd, SparseL1Descent
from shapebias_foolbox.minimum_norm import CarliniWagner, Ddn, DeepFool, Ead, Fmn
from torch import nn

from shapebias.plugin import AttackedImages, Classifier, ImageRandom


class SquareRoot(nn.Module):
    """Has an infinite derivative at 0, times 0 where the weight is 0: NaN at a black image."""

    def forward(self, images):
        roots = images.flatten(1).sqrt()
        return torch.stack([roots.mean(dim=1), 0.5 + 0 * roots.sum(dim=1)], dim=1)


MODEL = Classifier(SquareRoot(), mean=(0.0,) * 3, std=(1.0,) * 3)
IMAGES = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 0.5)])
LABELS = torch.tensor([1, 0])  # both are right
RNG = ImageRandom.for_images(0, "x", 0, ["black", "grey"])

GRADIENT_ATTACKS = [
    Pgd(eps=0.5, steps=3, random_start=False),
    Pgd(eps=9, norm="l2", steps=3, random_start=False),
    AdamPgd(eps=0.5, steps=3, random_start=False),
    MiFgsm(eps=9, norm="l2", steps=3),
    SparseL1Descent(eps=99, steps=3),
    DeepFool(eps=1, steps=3),
    Ddn(eps=9, steps=5),
    Fmn(eps=9, norm="l2", steps=5),
    Ead(eps=99, steps=5, searches=2),
]


@pytest.mark.parametrize("attack", GRADIENT_ATTACKS, ids=repr)
def test_the_image_is_reported_and_the_other_is_attacked(attack):
    attacked = attack(MODEL, IMAGES, LABELS, RNG)
    assert isinstance(attacked, AttackedImages)
    assert attacked.gradient_failed.tolist() == [True, False]
    assert attacked.images.isfinite().all()


def test_carlini_and_wagner_keep_pixels_off_the_bounds_so_that_no_gradient_fails():
    found = CarliniWagner(eps=9, steps=5, searches=2)(MODEL, IMAGES, LABELS, RNG)
    assert isinstance(found, torch.Tensor)
    assert found.isfinite().all()


@pytest.mark.parametrize(
    "attack", [Pgd(eps=(0.25, 0.5), steps=2, random_start=False), Ddn(eps=(1, 9), steps=3)], ids=repr
)
def test_each_eps_reports_it(attack):
    attacked = attack(MODEL, IMAGES, LABELS, RNG)
    assert attacked.images.shape == (2, *IMAGES.shape)
    assert attacked.gradient_failed.tolist() == [[True, False]] * 2


@pytest.mark.parametrize(
    "attack", [Pgd(steps=2), Fmn(steps=2), ContrastReduction(), HopSkipJump(steps=1, samples=5, starts=5)], ids=repr
)
def test_finite_gradients_and_attacks_without_gradients_give_images_alone(attack):
    rows = torch.tensor([1])
    assert isinstance(attack(MODEL, IMAGES[rows], LABELS[rows], RNG[rows]), torch.Tensor)


def test_an_image_that_is_not_attacked_has_no_failed_gradient():
    found = DeepFool(eps=1, steps=3)(MODEL, IMAGES, 1 - LABELS, RNG)
    assert torch.equal(found, IMAGES)
