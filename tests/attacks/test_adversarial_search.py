"""Which images are attacked with which eps, and which results are kept, told by attempts that only take notes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.attacks.adversarial_search import AdversarialSearch
from shapebias.attacks.criterion import Criterion
from shapebias.attacks.parameters import ascending
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
    search = AdversarialSearch(Criterion(MODEL, torch.tensor(labels)), images, keep=keep)

    def attempt(batch, radius):
        notes.append((batch.rows.tolist(), radius, batch.restart))
        batch.adversarial = batch.images + moves(radius, batch.restart)

    return search.run(attempt, eps, restarts)[..., 0, 0, 0], notes


def test_a_larger_eps_attacks_only_images_without_an_adversarial_example():
    found, notes = attacked([0.4, 0.1, 0.9, 0.0], [0, 0, 0, 0], (0.25, 0.5, 0.625))
    assert notes == [([0, 1, 3], 0.25, 0), ([1, 3], 0.5, 0), ([3], 0.625, 0)]
    expected = [[0.65, 0.35, 0.9, 0.25], [0.65, 0.6, 0.9, 0.5], [0.65, 0.6, 0.9, 0.625]]
    assert torch.allclose(found, torch.tensor(expected))


def test_a_restart_attacks_only_images_without_an_adversarial_example():
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


def test_keep_worst_prefers_an_adversarial_example_to_a_correct_answer_of_higher_loss():
    """Of three classes the label can win with a smaller share than it loses with to one rival."""
    scores = torch.tensor([[9.0, 0.0, 0.0], [4.0, 4.5, 0.0], [0.2, 0.1, 0.1]])  # right; wrong; right, higher loss
    losses = nn.functional.cross_entropy(scores, torch.zeros(3, dtype=torch.long), reduction="none")
    assert losses.tolist() == sorted(losses.tolist())
    model = Classifier(ThreeClasses(), mean=(0.0,) * 3, std=(1.0,) * 3)
    images = scores.view(3, 1, 3, 1, 1)
    search = AdversarialSearch(Criterion(model, torch.tensor([0])), images[0], keep="worst")

    def attempt(batch, radius):
        batch.adversarial = images[radius]

    found = search.run(attempt, (1, 2))
    assert torch.equal(found[:, 0, :, 0, 0], scores[[1, 1]])


def test_adversarial_examples_on_the_way_are_kept_and_leave_the_batch():
    images = pictures([0.4, 0.1, 0.0])
    search = AdversarialSearch(Criterion(MODEL, torch.zeros(3, dtype=torch.long)), images)

    def attempt(batch, radius):
        batch.perturb(torch.full_like(batch.images, radius))
        assert torch.equal(batch.evaluate(), MODEL(batch.adversarial))
        assert batch.rows.tolist() == [1, 2]
        assert batch.remaining(torch.arange(3))[0].tolist() == [1, 2]
        batch.adversarial = batch.images
        batch.evaluate()
        assert batch.rows.tolist() == [1, 2]
        assert batch.remaining(torch.arange(2))[0].tolist() == [0, 1]
        batch.perturb(torch.full_like(batch.images, 2 * radius))

    found = search.run(attempt, (0.25,))
    assert torch.allclose(found[:, 0, 0, 0], torch.tensor([0.65, 0.6, 0.5]))


def test_an_image_whose_label_is_the_target_is_not_attacked():
    for keep in ("first", "worst", "last"):
        images = pictures([0.1, 0.1])
        search = AdversarialSearch(
            Criterion(MODEL, torch.tensor([0, 1]), targets=torch.tensor([1, 1])), images, keep=keep
        )
        found = search.run(lambda batch, radius: batch.perturb(torch.full_like(batch.images, radius)), (0.25, 0.5))
        assert torch.allclose(found[:, :, 0, 0, 0], torch.tensor([[0.35, 0.1], [0.6, 0.1]]))


def test_scores_that_are_known_are_not_computed_again():
    class Refuses(nn.Module):
        def forward(self, images):
            raise AssertionError

    criterion = Criterion(Classifier(Refuses()), torch.tensor([0, 0]))
    search = AdversarialSearch(criterion, pictures([0.4, 0.9]), scores=torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    rows = []
    search.run(lambda batch, _: rows.extend(batch.rows.tolist()), (0.25,))
    assert rows == [0]


def test_radius_zero_is_the_image_itself():
    found, notes = attacked([0.4], [0], (0, 0.25))
    assert found[:, 0].tolist() == pytest.approx([0.4, 0.65])
    assert notes == [([0], 0.25, 0)]


def test_nothing_is_attempted_where_every_image_is_misclassified():
    found, notes = attacked([0.9, 0.8], [0, 0], (0.25, 0.5))
    assert notes == []
    assert found.tolist() == [pytest.approx([0.9, 0.8])] * 2


def test_one_radius_gives_no_axis():
    assert attacked([0.4], [0], (0.25,))[0].shape == (1,)


def test_radii_ascend_without_repeats():
    assert ascending([0.5, 0.25, 0.5]) == (0.25, 0.5)
    with pytest.raises(SpellingError, match="at least one radius"):
        ascending([])


def test_the_last_result_of_an_attack_that_evaluates_it_is_kept_for_training():
    images = pictures([0.1])
    search = AdversarialSearch(Criterion(MODEL, torch.tensor([0])), images, keep="last")

    def attempt(batch, radius):
        batch.perturb(torch.full_like(batch.images, radius))
        batch.evaluate()

    assert search.run(attempt, (0.25,))[0, 0, 0, 0].item() == pytest.approx(0.35)


def test_what_was_evaluated_without_success_is_not_kept():
    images = pictures([0.1])
    search = AdversarialSearch(Criterion(MODEL, torch.tensor([0])), images)

    def attempt(batch, radius):
        batch.perturb(torch.full_like(batch.images, radius))
        batch.evaluate()

    assert torch.equal(search.run(attempt, (0.25,)), images)


def test_steps_end_where_no_image_is_left():
    steps = []

    def attempt(batch, _):
        for step_index in batch.steps(5):
            steps.append(step_index)
            batch.perturb(torch.full_like(batch.images, 0.25 * step_index))
            batch.evaluate()

    AdversarialSearch(Criterion(MODEL, torch.tensor([0])), pictures([0.1])).run(attempt, (1,))
    assert steps == [0, 1, 2]  # at 0.6 the model is fooled
