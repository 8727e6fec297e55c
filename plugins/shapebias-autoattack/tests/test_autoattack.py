"""The ensemble is its parts, one after the other."""

from __future__ import annotations

import attrs
import pytest
import torch
from shapebias_autoattack.apgd import Apgd
from shapebias_autoattack.autoattack import AutoAttack
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.square import Square

EPS = {"linf": 0.019, "l2": 0.21}


def is_misclassified(model, images, labels):
    return model(images).argmax(dim=1) != labels


def parts(eps, norm):
    return [
        Apgd(eps, norm, steps=8),
        Apgd(eps, norm, "targeted-dlr", steps=8),
        Fab(eps, norm, steps=8),
        Square(eps, norm, queries=30),
    ]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_takes_what_any_part_takes(small, batch, rng, norm):
    images, labels = batch
    eps = EPS[norm]
    whole = AutoAttack(eps, norm, steps=8, queries=30)(small, images, labels, rng)
    alone = torch.stack([part(small, images, labels, rng) for part in parts(eps, norm)])
    by_part = torch.stack([is_misclassified(small, found, labels) for found in alone])
    assert torch.equal(is_misclassified(small, whole, labels), by_part.any(dim=0))
    assert 1 < is_misclassified(small, whole, labels).sum() < len(images)
    first = by_part[0]  # what APGD takes, the others leave alone
    assert torch.equal(whole[first], alone[0][first])


def test_it_never_rises_with_eps(small, batch, rng):
    images, labels = batch
    eps = tuple(EPS["linf"] * share for share in (0.5, 1, 2, 4))
    levels = AutoAttack(eps, steps=5, queries=20)(small, images, labels, rng)
    misclassified = torch.stack([is_misclassified(small, level, labels) for level in levels])
    assert (misclassified[1:] >= misclassified[:-1]).all()
    assert misclassified[0].sum() < misclassified[-1].sum()
    for smaller, larger, still in zip(levels[:-1], levels[1:], misclassified[:-1], strict=True):
        assert torch.equal(smaller[still], larger[still])
    for radius, level in zip(eps, levels, strict=True):
        assert (level - images).abs().max() <= radius + 1e-12


def test_the_chunk_does_not_matter(small, batch, rng):
    images, labels = batch
    attack = AutoAttack(EPS["linf"], steps=5, queries=20)
    one, many = (attack(attrs.evolve(small, chunk=chunk), images, labels, rng) for chunk in (1, 64))
    assert torch.allclose(one, many, atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_few_classes_have_fewer_targets_and_no_ratio(linear, grey, rng, nearest, classes):
    model = linear(classes)
    labels = model(grey).argmax(dim=1)
    normals = model.module[1].weight[:, None] - model.module[1].weight
    gaps = model.module(grey).gather(1, labels[:, None]) - model.module(grey)
    distances = (gaps / normals[labels].abs().sum(dim=2)).nan_to_num(torch.inf)
    truth = distances.scatter(1, labels[:, None], torch.inf).amin(dim=1)
    if classes == 2:
        assert torch.allclose(truth, nearest(model, grey, "linf"))
    for row in range(2):
        for share, falls in ((0.999, False), (1.001, True)):
            attack = AutoAttack(float(truth[row]) * share, queries=20)
            found = attack(model, grey[[row]], labels[[row]], rng[row])
            assert bool(is_misclassified(model, found, labels[[row]])) == falls
