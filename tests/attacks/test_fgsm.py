"""FGSM against its formula, convexity and Foolbox."""

from __future__ import annotations

import foolbox
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from shapebias.attacks.fgsm import Fgsm


@settings(max_examples=40, deadline=None)
@given(eps=st.just(0.0) | st.floats(1e-9, 1), norm=st.sampled_from(["linf", "l2"]), seed=st.integers(0, 1000))
def test_never_lowers_the_loss_of_a_convex_model(linear, eps, norm, seed):
    """The cross-entropy of a linear model is convex, so it lies above its tangent, which rises along the step."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(3, 3, 8, 8, dtype=torch.float64, generator=generator)
    labels = torch.tensor([0, 1, 0])
    attacked = Fgsm(eps=eps, norm=norm, keep="last")(linear, images, labels, None)
    before, after = (functional.cross_entropy(linear(view), labels, reduction="none") for view in (images, attacked))
    assert (after >= before - 1e-12).all()
    assert attacked.min() >= 0
    assert attacked.max() <= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_agrees_with_foolbox(small, batch, norm):
    images, labels, _ = batch
    attack = {"linf": foolbox.attacks.LinfFastGradientAttack, "l2": foolbox.attacks.L2FastGradientAttack}[norm]
    mean, std = (torch.tensor(values).double() for values in (small.mean, small.std))
    network = foolbox.PyTorchModel(
        small.module, bounds=(0, 1), device="cpu", preprocessing={"mean": mean, "std": std, "axis": -3}
    )
    wanted, _, _ = attack()(network, images, labels, epsilons=0.25)
    ours = Fgsm(eps=0.25, norm=norm, keep="last")(small, images, labels, None)
    assert torch.allclose(ours, wanted, atol=1e-7)


def test_images_that_are_wrong_already_are_left_alone(small, batch):
    images, labels, _ = batch
    attacked = Fgsm(eps=0.1)(small, images, labels, None)
    assert torch.equal(attacked[-1], images[-1])
    assert ((attacked[:-1] - images[:-1]).abs().amax(dim=(1, 2, 3)) > 0.09).all()


def test_several_radii_give_an_axis_and_fallen_images_stay(small, batch):
    images, labels, _ = batch
    levels = Fgsm(eps=(0.2, 0, 0.01))(small, images, labels, None)
    assert levels.shape == (3, *images.shape)
    assert torch.equal(levels[0], images)
    misclassified = torch.stack([small(level).argmax(dim=1) != labels for level in levels])
    assert (misclassified[1:] >= misclassified[:-1]).all()


def test_is_one_step_of_pgd_from_the_image(small, batch, numbers):
    from shapebias.attacks.pgd import Pgd

    images, labels, ids = batch
    step = Pgd(eps=0.05, steps=1, step_size=1, random_start=False, keep="last")
    wanted = step(small, images, labels, numbers(ids))
    assert torch.allclose(Fgsm(eps=0.05, keep="last")(small, images, labels, None), wanted, atol=1e-12)


def test_a_targeted_step_raises_the_probability_of_the_target(small, batch, numbers):
    """Kurakin et al. 2017, section 2: x - eps sign(gradient of the loss of the target)."""
    images, labels, ids = batch
    pixels = images.clone().requires_grad_()
    functional.cross_entropy(small(pixels), torch.full_like(labels, 2), reduction="sum").backward()
    wanted = (images - 0.03 * pixels.grad.sign()).clamp(0, 1)
    wanted[labels == 2] = images[labels == 2]
    attacked = Fgsm(eps=0.03, target=2, keep="last")(small, images, labels, numbers(ids))
    assert torch.allclose(attacked, wanted, atol=1e-12)


def test_the_worst_is_the_step_or_the_image(small, batch):
    """A step too long overshoots; the image itself is then the worst."""
    images, labels, _ = batch
    step, worst = (Fgsm(eps=2, norm="l2", keep=keep)(small, images, labels, None) for keep in ("last", "worst"))
    far = Fgsm(eps=100, norm="l2", keep="worst")(small, images, labels, None)
    before, after, kept, kept_far = (
        functional.cross_entropy(small(view), labels, reduction="none") for view in (images, step, worst, far)
    )
    assert torch.allclose(kept, torch.maximum(before, after))
    assert (kept_far >= before).all()


def test_several_radii_cost_one_gradient(small, batch, passes):
    images, labels, _ = batch
    with passes(small) as counted:
        Fgsm(eps=(0.01, 0.02, 0.03), keep="last")(small, images[:3], labels[:3], None)
    assert counted.backward == 3
