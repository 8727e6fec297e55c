"""PGD against closed forms, Foolbox, a loop over single images, and published counts."""

from __future__ import annotations

import foolbox
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from shapebias.attacks.balls import BALLS
from shapebias.attacks.pgd import Pgd
from shapebias.classifier import Classifier
from shapebias.errors import SpellingError
from shapebias.grammar import parse
from shapebias.params import build, spell

NORMS = ("linf", "l2")
EPS = {"linf": 0.1, "l2": 1.0}


def lengths(perturbation, norm):
    return perturbation.flatten(1).norm(dim=1, p={"linf": float("inf"), "l2": 2}[norm])


attacks = st.builds(
    Pgd,
    eps=st.floats(0, 2),
    norm=st.sampled_from(NORMS),
    steps=st.integers(1, 5),
    step=st.floats(0.05, 3),
    random_start=st.booleans(),
    until_fooled=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(attack=attacks, seed=st.integers(0, 9))
def test_stays_in_the_ball_and_in_the_range_of_pixels(small, batch, numbers, attack, seed):
    images, labels, ids = batch
    attacked = attack(small, images, labels, numbers(ids, seed))
    assert attacked.shape == images.shape
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert lengths(attacked - images, attack.norm).max() <= attack.eps[0] + 1e-9


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("until_fooled", [True, False])
def test_radius_zero_is_the_identity(small, batch, numbers, norm, until_fooled):
    images, labels, ids = batch
    attack = Pgd(eps=0, norm=norm, until_fooled=until_fooled)
    assert torch.equal(attack(small, images, labels, numbers(ids)), images)


def test_linf_reaches_the_optimum_of_a_linear_model(linear, numbers):
    """Of a linear model the worst image in the box is x + eps sign(w_wrong - w_right), clipped."""
    images = torch.rand(4, 3, 8, 8, dtype=torch.float64)
    weight = linear.module[1].weight
    ascent = (weight[1] - weight[0]).view(1, 3, 8, 8)
    attack = Pgd(eps=0.1, steps=10, step=0.25, until_fooled=False)
    attacked = attack(linear, images, torch.zeros(4, dtype=torch.long), numbers(list("abcd")))
    assert torch.allclose(attacked, (images + 0.1 * ascent.sign()).clamp(0, 1), atol=1e-12)


def test_l2_goes_along_the_gradient_and_stops_at_the_sphere(linear, numbers):
    images = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
    weight = linear.module[1].weight
    ascent = (weight[1] - weight[0]).view(1, 3, 8, 8)
    label = torch.tensor([0])
    for steps, share in ((1, 0.25), (3, 0.75), (4, 1), (9, 1)):
        attack = Pgd(eps=0.5, norm="l2", steps=steps, random_start=False, until_fooled=False)
        wanted = images + 0.5 * share * ascent / ascent.norm()
        assert torch.allclose(attack(linear, images, label, numbers(["a"])), wanted, atol=1e-12)


class FromHere:
    """Foolbox draws its own start; this one hands it ours."""

    start: torch.Tensor

    def get_random_start(self, x0, epsilon):
        return foolbox.attacks.base.ep.astensor(self.start)


class FoolboxLinf(FromHere, foolbox.attacks.LinfProjectedGradientDescentAttack):
    pass


class FoolboxL2(FromHere, foolbox.attacks.L2ProjectedGradientDescentAttack):
    pass


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("random_start", [True, False])
def test_agrees_with_foolbox(small, batch, numbers, norm, random_start):
    images, labels, ids = batch
    eps = EPS[norm]
    theirs = {"linf": FoolboxLinf, "l2": FoolboxL2}[norm](rel_stepsize=0.3, steps=6, random_start=random_start)
    start = images + eps * BALLS[norm].random(numbers(ids), 0, images.shape[1:])
    theirs.start = start.clamp(0, 1)
    mean, std = (torch.tensor(values).view(3, 1, 1).double() for values in (small.mean, small.std))
    network = foolbox.PyTorchModel(
        small.module,
        bounds=(0, 1),
        device="cpu",
        preprocessing={"mean": mean.flatten(), "std": std.flatten(), "axis": -3},
    )
    wanted, _, _ = theirs(network, images, labels, epsilons=eps)
    attack = Pgd(eps=eps, norm=norm, steps=6, step=0.3, random_start=random_start, until_fooled=False)
    assert torch.allclose(attack(small, images, labels, numbers(ids)), wanted, atol=1e-7)


def attack_one(model, image, label, start, *, norm, eps, step, steps):
    """Madry et al. 2018, section 2.1, for one image; stop where it is classified wrong."""
    adversarial = start
    for _ in range(steps):
        pixels = adversarial.clone().requires_grad_()
        scores = model(pixels)
        if scores.argmax() != label:
            return adversarial
        functional.cross_entropy(scores, label.view(1)).backward()
        gradient = pixels.grad
        if norm == "linf":
            moved = adversarial + step * gradient.sign() - image
            moved = moved.clamp(-eps, eps)
        else:
            moved = adversarial + step * gradient / gradient.norm() - image
            moved = moved * min(1, eps / moved.norm().item())
        adversarial = (image + moved).clamp(0, 1)
    return adversarial


@pytest.mark.parametrize("norm", NORMS)
def test_stops_at_the_first_adversarial_image(small, batch, numbers, norm):
    """Image by image, so that the active set cannot mix images up; the last image is wrong from the start."""
    images, labels, ids = batch
    eps = EPS[norm] / 10
    start = (images + eps * BALLS[norm].random(numbers(ids), 0, images.shape[1:])).clamp(0, 1)
    attacked = Pgd(eps=eps, norm=norm, steps=12)(small, images, labels, numbers(ids))
    for row in range(len(images) - 1):
        one = images[[row]], labels[row], start[[row]]
        wanted = attack_one(small, *one, norm=norm, eps=eps, step=eps / 4, steps=12)
        assert torch.allclose(attacked[[row]], wanted, atol=1e-9)
    assert torch.equal(attacked[-1], images[-1])
    fallen = small(attacked).argmax(dim=1) != labels
    assert 1 < fallen.sum() < len(images), "the test needs images that fall and images that stand"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("until_fooled", [True, False])
def test_an_image_is_attacked_the_same_alone_and_in_a_batch(small, batch, numbers, norm, until_fooled):
    images, labels, ids = batch
    radii = EPS[norm] / 10, EPS[norm] / 4, EPS[norm]
    attack = Pgd(eps=radii, norm=norm, steps=5, restarts=2, until_fooled=until_fooled)
    together = attack(small, images, labels, numbers(ids))
    for row in range(len(images)):
        alone = attack(small, images[[row]], labels[[row]], numbers([ids[row]]))
        assert torch.allclose(alone[:, 0], together[:, row], atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_that_fell_stays_fallen_at_larger_radii(small, batch, numbers, norm):
    images, labels, ids = batch
    radii = tuple(EPS[norm] * share for share in (0, 0.1, 0.25, 0.5, 1))
    levels = Pgd(eps=radii, norm=norm, steps=5)(small, images, labels, numbers(ids))
    fallen = torch.stack([small(level).argmax(dim=1) != labels for level in levels])
    assert (fallen[1:] >= fallen[:-1]).all()
    assert fallen[0].sum() < fallen[-1].sum()
    for smaller, larger, fell in zip(levels[:-1], levels[1:], fallen[:-1], strict=True):
        assert torch.equal(smaller[fell], larger[fell])


def test_a_small_radius_gives_the_same_alone_and_in_a_list(small, batch, numbers):
    images, labels, ids = batch
    one, several = Pgd(eps=0.02, steps=5), Pgd(eps=(0.02, 0.1), steps=5)
    first = several(small, images, labels, numbers(ids))[0]
    assert torch.equal(one(small, images, labels, numbers(ids)), first)


def test_restarts_only_add_fallen_images(small, batch, numbers):
    images, labels, ids = batch
    once, often = (Pgd(eps=0.02, steps=2, restarts=count)(small, images, labels, numbers(ids)) for count in (1, 8))
    fallen = small(once).argmax(dim=1) != labels
    assert torch.equal(once[fallen], often[fallen])
    assert (small(often).argmax(dim=1) != labels).sum() >= fallen.sum()
    standing = ~fallen
    assert (once[standing] - often[standing]).abs().max() > 0, "no restart was made"


def test_the_start_is_random_per_seed_and_off_on_request(small, batch, numbers):
    images, labels, ids = batch
    attack = Pgd(eps=0.1, steps=1, step=0.01, until_fooled=False)
    first, again, other = (attack(small, images, labels, numbers(ids, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.01
    still = Pgd(eps=0.1, steps=1, step=0.01, random_start=False, until_fooled=False)(
        small, images, labels, numbers(ids)
    )
    assert (still - images).abs().max() <= 0.001 + 1e-12


@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_gradient_moves_nothing(numbers, norm):
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).requires_grad_(requires_grad=False)
    nn.init.zeros_(network[1].weight)
    images = torch.rand(2, 3, 8, 8)
    attack = Pgd(eps=0.1, norm=norm, random_start=False, until_fooled=False)
    attacked = attack(Classifier(network), images, torch.tensor([0, 1]), numbers(["a", "b"]))
    assert torch.allclose(attacked, images, atol=1e-7)


def test_leaves_model_images_and_global_random_state_alone(small, batch, numbers):
    images, labels, ids = batch
    before, state = images.clone(), torch.random.get_rng_state()
    Pgd(eps=0.1, steps=2)(small, images, labels, numbers(ids))
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not images.requires_grad
    assert all(parameter.grad is None for parameter in small.module.parameters())
    assert not any(module._forward_hooks for module in small.module.modules())


def test_restarts_without_a_random_start_are_refused():
    with pytest.raises(SpellingError, match="3 restarts without random_start"):
        Pgd(restarts=3, random_start=False)


def test_its_text_gives_it_back():
    attack = build(Pgd, parse("pgd:eps=4/255,1/255,2/255,norm=linf,steps=7"))
    assert attack.eps == (1 / 255, 2 / 255, 4 / 255)
    assert build(Pgd, parse(spell("pgd", attack))) == attack
    assert spell("pgd", attack, full=False) == "pgd:eps=1/255,2/255,4/255,steps=7"


@pytest.mark.parametrize(
    ("network", "weights", "eps", "wanted"),
    [
        ("cifar-resnet2b2", "resnet2b2_sadv8", (2 / 255, 8 / 255), (190, 63)),
        pytest.param("cifar-resnet20", "resnet20_standard", (1 / 255, 2 / 255), (58, 2), marks=pytest.mark.slow),
    ],
)
def test_robust_accuracy_of_published_networks(cifar, numbers, network, weights, eps, wanted):
    """20 steps of eps / 4 from a random start, computed independently of this project with other random numbers."""
    model = cifar.load(network, weights)
    with model.evaluating():
        levels = Pgd(eps=eps)(model, cifar.images, cifar.labels, numbers(cifar.ids))
        right = [int((model(level).argmax(dim=1) == cifar.labels).sum()) for level in levels]
    assert right == pytest.approx(wanted, abs=3)
