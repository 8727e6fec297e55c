"""Which images are attacked with which radius, and which are kept, told by attempts that only take notes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.attacks.adversarial_search import AdversarialSearch, ascending
from shapebias.attacks.criterion import Criterion
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier


class FirstPixel(nn.Module):
    """Class 1 where the first pixel is above one half."""

    def forward(self, images):
        first = images[:, 0, 0, 0]
        return torch.stack([1 - first, first], dim=1)


MODEL = Classifier(FirstPixel(), mean=(0.0,) * 3, std=(1.0,) * 3, chunk=2)


def pictures(first_pixels):
    images = torch.zeros(len(first_pixels), 3, 1, 1)
    images[:, 0, 0, 0] = torch.tensor(first_pixels)
    return images


def attacked(start, labels, eps, keep="first", restarts=1, moves=lambda radius, restart: radius):
    """Raise the first pixel; return the levels and what was attempted."""
    images, notes = pictures(start), []
    search = AdversarialSearch(Criterion(MODEL, torch.tensor(labels)), images, keep)

    def attempt(rows, radius, restart):
        notes.append((rows.tolist(), radius, restart))
        search.end(rows, images[rows] + moves(radius, restart))

    return search.over(eps, attempt, restarts)[..., 0, 0, 0], notes


def test_larger_radii_take_only_what_still_stands():
    found, notes = attacked([0.4, 0.1, 0.9, 0.0], [0, 0, 0, 0], (0.25, 0.5, 0.625))
    assert notes == [([0, 1, 3], 0.25, 0), ([1, 3], 0.5, 0), ([3], 0.625, 0)]
    expected = [[0.65, 0.35, 0.9, 0.25], [0.65, 0.6, 0.9, 0.5], [0.65, 0.6, 0.9, 0.625]]
    assert torch.allclose(found, torch.tensor(expected))


def test_restarts_take_only_what_still_stands():
    _, notes = attacked([0.4, 0.0], [0, 0], (0.25,), restarts=3)
    assert notes == [([0, 1], 0.25, 0), ([1], 0.25, 1), ([1], 0.25, 2)]


def test_keep_last_attacks_all_images_at_first():
    found, notes = attacked([0.9, 0.1], [0, 0], (0.25, 0.5), keep="last")
    assert notes == [([0, 1], 0.25, 0), ([1], 0.5, 0)]
    assert torch.allclose(found, torch.tensor([[1.15, 0.35], [1.15, 0.6]]))


def test_keep_worst_attacks_all_images_every_time_and_keeps_the_highest_loss():
    """Of a label 0 the loss rises with the pixel, so the worst is the brightest."""
    moves = {(0.25, 0): 0.2, (0.25, 1): -0.2, (0.5, 0): 0.1, (0.5, 1): 0.4}
    found, notes = attacked([0.6, 0.1], [0, 0], (0.25, 0.5), keep="worst", restarts=2, moves=lambda *key: moves[key])
    assert notes == [([0, 1], radius, restart) for radius in (0.25, 0.5) for restart in (0, 1)]
    assert torch.allclose(found, torch.tensor([[0.8, 0.3], [1.0, 0.5]]))


def test_keep_worst_keeps_the_image_itself_where_nothing_is_worse():
    found, _ = attacked([0.4], [0], (0.25,), keep="worst", moves=lambda radius, _: -radius)
    assert found.tolist() == [pytest.approx(0.4)]


class ThreeClasses(nn.Module):
    """The pixels are the scores."""

    def forward(self, images):
        return images[:, :, 0, 0]


def test_keep_worst_does_not_give_up_what_fools_for_a_higher_loss_that_does_not():
    """Of three classes the label can win with a smaller share than it loses with to one rival."""
    scores = torch.tensor([[9.0, 0.0, 0.0], [4.0, 4.5, 0.0], [0.2, 0.1, 0.1]])  # right; wrong; right, higher loss
    losses = nn.functional.cross_entropy(scores, torch.zeros(3, dtype=torch.long), reduction="none")
    assert losses.tolist() == sorted(losses.tolist())
    model = Classifier(ThreeClasses(), mean=(0.0,) * 3, std=(1.0,) * 3)
    images = scores.view(3, 1, 3, 1, 1)
    search = AdversarialSearch(Criterion(model, torch.tensor([0])), images[0], "worst")
    found = search.over((1, 2), lambda rows, radius, _: search.end(rows, images[radius]))
    assert torch.equal(found[:, 0, :, 0, 0], scores[[1, 1]])


def test_images_on_the_way_are_kept_and_only_the_rest_goes_on():
    images = pictures([0.4, 0.1, 0.0])
    search = AdversarialSearch(Criterion(MODEL, torch.zeros(3, dtype=torch.long)), images)

    def attempt(rows, radius, _):
        on_the_way = images[rows] + radius
        left = search.look(rows, on_the_way, MODEL(on_the_way))
        assert left.tolist() == [False, True, True]
        rows = rows[left]
        assert search.look(rows, images[rows], MODEL(images[rows])) is None  # all go on
        search.end(rows, images[rows] + 2 * radius)

    found = search.over((0.25,), attempt)
    assert torch.allclose(found[:, 0, 0, 0], torch.tensor([0.65, 0.6, 0.5]))


def test_an_image_whose_label_is_the_target_is_left_alone():
    for keep in ("first", "worst", "last"):
        images = pictures([0.1, 0.1])
        search = AdversarialSearch(Criterion(MODEL, torch.tensor([0, 1]), targets=torch.tensor([1, 1])), images, keep)
        found = search.over((0.25, 0.5), lambda rows, radius, _, s=search, i=images: s.end(rows, i[rows] + radius))
        assert torch.allclose(found[:, :, 0, 0, 0], torch.tensor([[0.35, 0.1], [0.6, 0.1]]))


def test_scores_that_are_known_are_not_computed_again():
    class Refuses(nn.Module):
        def forward(self, images):
            raise AssertionError

    goal = Criterion(Classifier(Refuses()), torch.tensor([0, 0]))
    search = AdversarialSearch(goal, pictures([0.4, 0.9]), "first", torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    rows = []
    search.over((0.25,), lambda some, *_: rows.extend(some.tolist()))
    assert rows == [0]


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
