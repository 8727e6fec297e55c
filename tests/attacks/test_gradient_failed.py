"""Gradients that are not finite: the attack reports the images, and continues with the others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.attacks.fgsm import Fgsm
from shapebias.attacks.n_fgsm import NFgsm
from shapebias.attacks.pgd import Pgd
from shapebias.attacks.spatial import Spatial
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom


class SquareRoot(nn.Module):
    """Has an infinite derivative at 0, times 0 where the weight is 0: NaN at a black image."""

    def forward(self, images):
        roots = images.flatten(1).sqrt()
        return torch.stack([roots.mean(dim=1), 0.5 + 0 * roots.sum(dim=1)], dim=1)


MODEL = Classifier(SquareRoot(), mean=(0.0,) * 3, std=(1.0,) * 3)
IMAGES = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 0.5)])
LABELS = torch.tensor([1, 0])  # both are right
RNG = ImageRandom.for_images(0, "x", 0, ["black", "grey"])


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", [Fgsm, Pgd])
def test_the_image_is_named_and_the_other_is_attacked(attack, norm):
    options = {"random_start": False, "steps": 3} if attack is Pgd else {}
    attacked = attack(eps=0.25 if norm == "linf" else 4.0, norm=norm, **options)(MODEL, IMAGES, LABELS, RNG)
    assert isinstance(attacked, AttackedImages)
    assert attacked.gradient_failed.tolist() == [True, False]
    assert attacked.images.isfinite().all()
    assert (attacked.images[1] < IMAGES[1]).all()  # its score falls with every pixel


def test_each_eps_says_so():
    attacked = Fgsm(eps=(0.125, 0.25))(MODEL, IMAGES, LABELS, RNG)
    assert attacked.gradient_failed.tolist() == [[True, False]] * 2


def test_the_other_attacks_along_gradients_say_so_too():
    assert Spatial(eps=1, steps=2)(MODEL, IMAGES, LABELS, RNG).gradient_failed.tolist() == [True, False]
    assert NFgsm(noise=0)(MODEL, IMAGES, LABELS, RNG).gradient_failed.tolist() == [True, False]


def test_finite_gradients_give_images_alone():
    assert isinstance(Fgsm()(MODEL, IMAGES[1:], LABELS[1:], RNG[1:]), torch.Tensor)
