"""Gradients that are not finite: the attacks report for which images, and attack the others."""

from __future__ import annotations

import pytest
import torch
from shapebias_autoattack.apgd import Apgd
from shapebias_autoattack.autoattack import AutoAttack
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.square import Square
from torch import nn

from shapebias.plugin import AttackedImages, Classifier, ImageRandom


class SquareRoot(nn.Module):
    """Has an infinite derivative at 0, times 0 where the weight is 0: NaN at a black pixel."""

    def forward(self, images):
        roots = images.flatten(1).sqrt()
        return torch.stack([roots.mean(dim=1), 0.5 + 0 * roots.sum(dim=1)], dim=1)


MODEL = Classifier(SquareRoot(), mean=(0.0,) * 3, std=(1.0,) * 3)
IMAGES = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 0.28)])
LABELS = torch.tensor([1, 0])  # both are right
RNG = ImageRandom.for_images(0, "x", 0, ["white", "grey"])


@pytest.mark.parametrize(
    "attack",
    [
        # No start and no step of the grey image reaches black, where its gradient would fail as well.
        Apgd(eps=0.1, steps=3),
        Apgd(eps=1, norm="l2", objective="targeted-margin", steps=3),
        Fab(eps=0.1, steps=3),
        AutoAttack(eps=0.1, steps=3, queries=5),
    ],
    ids=repr,
)
def test_the_image_is_reported_and_the_other_is_attacked(attack):
    attacked = attack(MODEL, IMAGES, LABELS, RNG)
    assert isinstance(attacked, AttackedImages)
    assert attacked.gradient_failed.tolist() == [True, False]
    assert attacked.images.isfinite().all()
    assert MODEL(attacked.images)[1].argmax() == 1


def test_an_attack_without_gradients_gives_images_alone():
    assert isinstance(Square(eps=0.3, queries=5)(MODEL, IMAGES, LABELS, RNG), torch.Tensor)
