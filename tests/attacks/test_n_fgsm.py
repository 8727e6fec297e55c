"""N-FGSM against its formula."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from shapebias.attacks.n_fgsm import NFgsm
from shapebias.rng import ImageRandom


def numbers(ids):
    return ImageRandom.for_images(0, "n-fgsm", 0, ids)


def test_is_noise_and_one_step_without_a_projection(small, batch):
    """De Jorge et al. 2022, equation 6, with a gradient computed here."""
    images, labels, ids = batch
    eps, k = 0.1, 2
    eta = k * eps * (2 * numbers(ids).uniform("noise", 0, (3, 8, 8)) - 1)
    noisy = (images + eta).requires_grad_()
    functional.cross_entropy(small(noisy), labels, reduction="sum").backward()
    wanted = (noisy.detach() + eps * noisy.grad.sign()).clamp(0, 1)
    assert torch.allclose(NFgsm(eps=eps)(small, images, labels, numbers(ids)), wanted, atol=1e-12)


@given(eps=st.just(0.0) | st.floats(1e-9, 0.5), noise=st.just(0.0) | st.floats(1e-9, 3))
@settings(max_examples=30, deadline=None)
def test_no_pixel_moves_by_more_than_the_declared_radius(small, batch, eps, noise):
    images, labels, ids = batch
    attack = NFgsm(eps=eps, noise=noise)
    attacked = attack(small, images, labels, numbers(ids))
    assert (attacked - images).abs().max() <= attack.radius + 1e-12
    assert attack.radius == (noise + 1) * eps
    assert attacked.min() >= 0
    assert attacked.max() <= 1


def test_leaves_the_ball_of_eps_but_reaches_no_further_than_three_times_it(small, batch):
    images, labels, ids = batch
    moved = (NFgsm(eps=0.05)(small, images, labels, numbers(ids)) - images).abs()
    assert moved.mean(dim=0).max() > 0.05
    assert moved.max() > 0.14


def test_also_images_that_are_wrong_already_are_attacked(small, batch):
    images, labels, ids = batch
    assert not torch.equal(NFgsm(eps=0.05)(small, images, labels, numbers(ids))[-1], images[-1])
