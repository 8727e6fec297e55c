"""What an attack wants, against tables of scores worked out by hand and against finite differences."""

from __future__ import annotations

import attrs
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from shapebias.attacks.criterion import Criterion
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom

SCORES = torch.tensor([[4.0, 1.0, 2.0], [1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 0, 1])
NOTHING = Classifier(nn.Identity())


class Table(nn.Module):
    """Give the scores of the table, whatever the images."""

    def forward(self, images):
        return SCORES[: len(images)]


def target_of(target, model=None, labels=LABELS):
    rng = ImageRandom.for_images(0, "pgd", 0, list(map(str, range(len(labels)))))
    images = torch.zeros(len(labels), 3, 2, 2)
    return Criterion.of(model or Classifier(Table()), images, labels, rng, target=target)


def test_without_a_target_whatever_is_not_the_label_is_fooled():
    assert Criterion(NOTHING, LABELS).is_adversarial(SCORES).tolist() == [False, True, True]


def test_with_a_target_only_the_target_is_fooled():
    assert Criterion(NOTHING, LABELS, targets=torch.tensor([1, 1, 0])).is_adversarial(SCORES).tolist() == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("targets", "objective", "wanted"),
    [
        (None, "margin", [2 - 4, 2 - 1, 3 - 1]),
        ([1, 1, 0], "margin", [1 - 4, 2 - 1, 0 - 3]),
        (
            None,
            "cross-entropy",
            [-log_softmax(row)[label] for row, label in zip(SCORES.numpy(), [0, 0, 1], strict=True)],
        ),
        (
            [1, 1, 0],
            "cross-entropy",
            [log_softmax(row)[label] for row, label in zip(SCORES.numpy(), [1, 1, 0], strict=True)],
        ),
    ],
)
def test_the_loss_rises_towards_success(targets, objective, wanted):
    targets = None if targets is None else torch.tensor(targets)
    value = Criterion(NOTHING, LABELS, targets, objective).loss(SCORES)
    assert torch.allclose(value, torch.tensor(list(map(float, wanted))))


def test_the_margin_is_positive_exactly_where_the_model_is_fooled():
    scores, labels = torch.randn(200, 5), torch.randint(5, (200,))
    for targets in (None, torch.randint(5, (200,))):
        criterion = Criterion(NOTHING, labels, targets, "margin")
        assert torch.equal(criterion.loss(scores) > 0, criterion.is_adversarial(scores))


@pytest.mark.parametrize("objective", ["cross-entropy", "margin"])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_gradient_is_that_of_the_value(small, batch, objective, targeted):
    images, labels, _ = batch
    criterion = Criterion(small, labels, (labels + 1) % 4 if targeted else None, objective)
    gradient, scores = criterion.gradient(images)
    assert torch.allclose(scores, criterion.scores(images))
    direction = torch.randn_like(images)
    # Scores are float32, so the step is a large one.
    higher, lower = (criterion.loss(criterion.scores(images + step * direction)).double() for step in (1e-3, -1e-3))
    assert torch.allclose((higher - lower) / 2e-3, (gradient * direction).sum(dim=(1, 2, 3)), rtol=1e-2, atol=1e-3)


def test_the_least_likely_class_is_the_one_with_the_lowest_score_but_never_the_label():
    assert target_of("least-likely").targets.tolist() == [1, 2, 0]
    assert target_of("least-likely", labels=torch.tensor([1, 2, 0])).targets.tolist() == [2, 0, 1]


def test_random_targets_are_uniform_over_the_other_classes():
    labels = torch.full((3000,), 2)
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)))
    counts = target_of("random", model, labels).targets.bincount(minlength=4)
    assert counts[2] == 0
    assert (counts[[0, 1, 3]] - 1000).abs().max() < 4 * (3000 * 2 / 9) ** 0.5


def test_random_targets_belong_to_the_image(small, batch):
    images, labels, ids = batch
    rng = ImageRandom.for_images(0, "pgd", 0, ids)
    together = Criterion.of(small, images, labels, rng, target="random").targets
    for row in range(len(images)):
        alone = Criterion.of(small, images[[row]], labels[[row]], rng[[row]], target="random").targets
        assert torch.equal(alone, together[[row]])


def test_one_class_is_the_target_of_all_and_there_is_nothing_to_reach_where_it_is_the_label():
    criterion = target_of(1)
    assert criterion.targets.tolist() == [1, 1, 1]
    assert criterion.attackable.tolist() == [True, True, False]
    assert Criterion(NOTHING, LABELS).attackable.all()


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(
        SpellingError,
        match=r"target=3: the data set has no such class; give least-likely, random, or a number from 0 to 2",
    ):
        target_of(3)


def test_some_rows_have_their_own_labels_and_targets():
    criterion = attrs.evolve(target_of(1), objective="margin")[torch.tensor([2, 0])]
    assert (criterion.labels.tolist(), criterion.targets.tolist(), criterion.objective) == ([1, 0], [1, 1], "margin")
