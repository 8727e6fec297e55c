"""The suite ``configural`` from pictures in the published layout to its number, with an ImageNet-1k network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import shapebias as sb
from shapebias.networks.classifier import Classifier

# The largest logit of an animal, and the mean of its probabilities: a lizard has 11 outputs, a bunny 3.
_LIZARDS, _BUNNY, _WOLF = range(38, 49), 330, 269


class ByRed(torch.nn.Module):
    """Answer by the red value: wolf, or bunny by one large logit where lizards together have more probability."""

    def forward(self, images):
        red = images[:, 0].mean(dim=(1, 2))
        logits = torch.zeros(len(images), 1000)
        logits[:, _WOLF] = torch.where(red > 0.5, 9.0, 0.0)
        logits[:, _BUNNY] = torch.where(red > 0.5, 0.0, 5.0)
        logits[:, list(_LIZARDS)] = torch.where(red > 0.5, 0.0, 4.9)[:, None]
        return logits + 0 * images.sum()


@pytest.fixture
def anagrams(tmp_path):
    """Three pairs: of the first both are right, of the second one, of the third none."""
    right = {"wolf": 255, "bunny": 0}
    shown = [("wolf", "bunny"), ("wolf", "wolf"), ("bunny", "wolf")]
    for pair, answers in enumerate(shown):
        for place, (label, answer) in enumerate(zip(("wolf", "bunny"), answers, strict=True)):
            pixels = np.zeros((16, 16, 3), dtype=np.uint8)
            pixels[..., 0] = right[answer]
            Image.fromarray(pixels).save(tmp_path / f"{pair:03d}_transform_wolf_bunny_object{place}_{label}.png")
    return tmp_path


def test_a_pair_is_right_by_the_largest_logit(anagrams):
    network = Classifier(ByRed(), (0.0,) * 3, (1.0,) * 3)
    found = sb.profile(network, f"configural:{anagrams}")
    (row,) = found.table.to_dict("records")
    assert (row["measure"], row["value"], row["n"]) == ("configural shape score", pytest.approx(1 / 3), 3)
    assert row["people"] == 0.896
    assert row["resnet50"] == 0.167
    (answers,) = found.results.answers()
    assert (answers.mapping.name, answers.mapping.aggregate) == ("imagenet-1k -> animals-9", "max")
    assert any("the score of a class is the largest" in note for note in found.notes)
