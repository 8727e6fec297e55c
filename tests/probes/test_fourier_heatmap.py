"""The heat map of a model that hears one wave alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.probes.fourier_heatmap import FourierHeatmap, _wave
from shapebias.rng import ImageRandom

IDS = [f"{position}.png" for position in range(8)]
RNG = ImageRandom.for_images(0, "fourier-heatmap", 0, IDS)


class Hears(nn.Module):
    """Class 1 where the first channel has a wave of 2 cycles down and 1 across."""

    def forward(self, images):
        rows, columns = torch.arange(12).view(-1, 1) / 12, torch.arange(12) / 12
        wave = torch.cos(2 * math.pi * (2 * rows + columns))
        heard = (images[:, 0] * wave).mean(dim=(1, 2)).abs()
        return torch.stack([torch.full_like(heard, 0.01), heard], dim=1)


def model():
    return Classifier(Hears(), (0.0,) * 3, (1.0,) * 3, chunk=3)


def test_the_model_is_wrong_at_the_wave_that_it_hears_and_at_no_other():
    images = torch.full((8, 3, 12, 12), 0.5)
    wrong = FourierHeatmap(radius=3, strength=0.1)(model(), images, torch.zeros(8, dtype=torch.long), None, RNG)[
        "wrong"
    ]
    expected = torch.zeros(7, 7)
    expected[3 + 2, 3 + 1] = expected[3 - 2, 3 - 1] = 1
    assert torch.equal(wrong, expected.expand(8, 7, 7))


@pytest.mark.parametrize(("down", "across"), [(0, 0), (1, 2), (3, -2), (6, 6)])
def test_a_wave_has_two_coefficients_and_the_stated_strength(down, across):
    wave = _wave(torch.zeros(1, 3, 12, 12), down, across)
    assert wave.square().mean().item() == pytest.approx(1, abs=1e-5)
    power = torch.fft.fft2(wave).abs() > 1e-3
    positions = {tuple(position) for position in power.nonzero().tolist()}
    assert positions == {(down % 12, across % 12), (-down % 12, -across % 12)}


def test_signs_belong_to_the_image_and_no_noise_changes_nothing():
    images = torch.rand(8, 3, 12, 12)
    targets = model()(images).argmax(dim=1)
    probe = FourierHeatmap(radius=1, strength=0)
    assert (probe(model(), images, targets, None, RNG)["wrong"] == 0).all()
    together = FourierHeatmap(radius=2, strength=0.3)(model(), images, targets, None, RNG)["wrong"]
    alone = FourierHeatmap(radius=2, strength=0.3)(model(), images[5:6], targets[5:6], None, RNG[5])["wrong"]
    assert torch.equal(together[5:6], alone)
