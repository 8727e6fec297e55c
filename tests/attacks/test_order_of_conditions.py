"""An attack under a transform and a transform under an attack, by the images that the engine asks the model about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import shapebias as sb
from shapebias.attacks.pgd import Pgd
from shapebias.rng import ImageRandom
from shapebias.transforms.saturate import Saturate

PGD = "pgd:eps=1/16,steps=3,keep=last"
CONDITIONS = ["clean", "saturate:p=8", PGD, f"saturate:p=8+{PGD}", f"{PGD}+saturate:p=8"]
SAVED = 1e-3  # kept images are float16


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(288, 8)).eval()


@pytest.fixture(scope="module")
def results(network, tmp_path_factory):
    study = sb.Study("stimuli:images=6,size=16", {"net": network}, CONDITIONS, keep_images=True)
    with sb.run(study, tmp_path_factory.mktemp("order") / "run.h5") as results:
        yield results


@pytest.fixture(scope="module")
def attack(network, results):
    """Attack by hand, with the random numbers of a place in the chain."""
    (answers, *_) = results.answers()
    labels = torch.from_numpy(np.array(answers.labels))

    def attack(images, position):
        rng = ImageRandom.for_images(0, "pgd", position, answers.ids)
        return Pgd(eps=1 / 16, steps=3, keep="last")(sb.Classifier(network), images, labels, rng)

    return attack


@pytest.fixture(scope="module")
def seen(results):
    return [torch.from_numpy(results.images(condition=condition)).float() for condition in CONDITIONS]


def saturate(images):
    return Saturate(p=8)(images, None)


def test_an_attack_after_a_transform_attacks_the_transformed_image(seen, attack):
    clean, saturated, _, under, _ = seen
    assert (under - saturated).abs().max() <= 1 / 16 + SAVED
    assert (under - clean).abs().max() > 0.1
    # The stimuli are 8-bit, so float16 loses nothing that matters, but a sign may turn where a gradient is almost 0.
    assert ((under - attack(saturate(clean), position=1)).abs() < SAVED).float().mean() > 0.99


def test_a_transform_after_an_attack_transforms_the_attacked_image(seen, attack):
    clean, saturated, attacked, _, over = seen
    assert (attacked - clean).abs().max() <= 1 / 16 + SAVED
    assert ((attacked - attack(clean, position=0)).abs() < SAVED).float().mean() > 0.99
    assert (over - saturated).abs().max() > 1 / 16 + SAVED  # no ball is left around the saturated image
    assert ((over - saturate(attacked)).abs() < 0.01).float().mean() > 0.99


def test_the_two_orders_differ(seen):
    *_, under, over = seen
    assert (under - over).abs().mean() > 0.01
