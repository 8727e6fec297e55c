"""Which images are attacked with which radius, told by an attempt that only takes notes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.attacks.escalation import ascending, escalate
from shapebias.classifier import Classifier
from shapebias.errors import SpellingError


class FirstPixel(nn.Module):
    """Class 1 where the first pixel is above one half."""

    def forward(self, images):
        first = images[:, 0, 0, 0]
        return torch.stack([1 - first, first], dim=1)


MODEL = Classifier(FirstPixel(), mean=(0.0,) * 3, std=(1.0,) * 3, chunk=2)


def attacked(start, labels, eps, **options):
    """Raise the first pixel by eps; return the levels and what was attempted."""
    images = torch.zeros(len(start), 3, 1, 1)
    images[:, 0, 0, 0] = torch.tensor(start)
    notes = []

    def attempt(rows, radius, restart):
        notes.append((rows.tolist(), radius, restart))
        return images[rows] + radius

    found = escalate(MODEL, images, torch.tensor(labels), eps, attempt, **options)
    return found[..., 0, 0, 0], notes


def test_larger_radii_take_only_what_still_stands():
    found, notes = attacked([0.4, 0.1, 0.9, 0.0], [0, 0, 0, 0], (0.25, 0.5, 0.625))
    assert notes == [([0, 1, 3], 0.25, 0), ([1, 3], 0.5, 0), ([3], 0.625, 0)]
    expected = [[0.65, 0.35, 0.9, 0.25], [0.65, 0.6, 0.9, 0.5], [0.65, 0.6, 0.9, 0.625]]
    assert torch.allclose(found, torch.tensor(expected))


def test_restarts_take_only_what_still_stands():
    _, notes = attacked([0.4, 0.0], [0, 0], (0.25,), restarts=3)
    assert notes == [([0, 1], 0.25, 0), ([1], 0.25, 1), ([1], 0.25, 2)]


def test_all_images_are_attacked_at_first_where_training_wants_it():
    _, notes = attacked([0.9, 0.1], [0, 0], (0.25, 0.5), until_fooled=False)
    assert notes == [([0, 1], 0.25, 0), ([1], 0.5, 0)]


def test_radius_zero_is_the_image_itself():
    found, notes = attacked([0.4], [0], (0, 0.25))
    assert found[:, 0].tolist() == pytest.approx([0.4, 0.65])
    assert notes == [([0], 0.25, 0)]


def test_nothing_is_attempted_when_nothing_stands():
    found, notes = attacked([0.9, 0.8], [0, 0], (0.25, 0.5))
    assert notes == []
    assert found.tolist() == [pytest.approx([0.9, 0.8])] * 2


def test_one_radius_gives_no_axis():
    assert attacked([0.4], [0], (0.25,))[0].shape == (1,)


def test_radii_ascend_without_repeats():
    assert ascending([0.5, 0.25, 0.5]) == (0.25, 0.5)
    with pytest.raises(SpellingError, match="at least one radius"):
        ascending([])
