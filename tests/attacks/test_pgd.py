"""PGD against closed forms, Foolbox, a loop over single images, and published counts."""

from __future__ import annotations

import attrs
import foolbox
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from shapebias.attacks.criterion import Criterion
from shapebias.attacks.norms import LP_BALLS
from shapebias.attacks.pgd import Pgd
from shapebias.errors import SpellingError
from shapebias.networks.classifier import Classifier
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import build, spell

NORMS = ("linf", "l2")
EPS = {"linf": 0.1, "l2": 1.0}


def lengths(perturbation, norm):
    return perturbation.flatten(1).norm(dim=1, p={"linf": float("inf"), "l2": 2}[norm])


attacks = st.builds(
    Pgd,
    eps=st.just(0.0) | st.floats(1e-9, 1),
    norm=st.sampled_from(NORMS),
    steps=st.integers(1, 5),
    step_size=st.floats(0.05, 3),
    random_start=st.booleans(),
    keep=st.sampled_from(["first", "worst", "last"]),
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


def test_linf_reaches_the_optimum_of_a_linear_model(linear, numbers):
    """Of a linear model the worst image in the box is x + eps sign(w_wrong - w_right), clipped."""
    images = torch.rand(4, 3, 8, 8, dtype=torch.float64)
    weight = linear.module[1].weight
    ascent = (weight[1] - weight[0]).view(1, 3, 8, 8)
    attack = Pgd(eps=0.1, steps=10, step_size=0.25, keep="last")
    attacked = attack(linear, images, torch.zeros(4, dtype=torch.long), numbers(list("abcd")))
    assert torch.allclose(attacked, (images + 0.1 * ascent.sign()).clamp(0, 1), atol=1e-12)


def test_l2_goes_along_the_gradient_and_stops_at_the_sphere(linear, numbers):
    images = torch.full((1, 3, 8, 8), 0.5, dtype=torch.float64)
    weight = linear.module[1].weight
    ascent = (weight[1] - weight[0]).view(1, 3, 8, 8)
    label = torch.tensor([0])
    for steps, share in ((1, 0.25), (3, 0.75), (4, 1), (9, 1)):
        attack = Pgd(eps=0.5, norm="l2", steps=steps, random_start=False, keep="last")
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
    start = images + eps * LP_BALLS[norm].uniform(numbers(ids), 0, images.shape[1:])
    theirs.start = start.clamp(0, 1)
    mean, std = (torch.tensor(values).view(3, 1, 1).double() for values in (small.mean, small.std))
    network = foolbox.PyTorchModel(
        small.module,
        bounds=(0, 1),
        device="cpu",
        preprocessing={"mean": mean.flatten(), "std": std.flatten(), "axis": -3},
    )
    wanted, _, _ = theirs(network, images, labels, epsilons=eps)
    attack = Pgd(eps=eps, norm=norm, steps=6, step_size=0.3, random_start=random_start, keep="last")
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
    start = (images + eps * LP_BALLS[norm].uniform(numbers(ids), 0, images.shape[1:])).clamp(0, 1)
    attacked = Pgd(eps=eps, norm=norm, steps=12)(small, images, labels, numbers(ids))
    for row in range(len(images) - 1):
        one = images[[row]], labels[row], start[[row]]
        wanted = attack_one(small, *one, norm=norm, eps=eps, step=eps / 4, steps=12)
        assert torch.allclose(attacked[[row]], wanted, atol=1e-9)
    assert torch.equal(attacked[-1], images[-1])
    misclassified = small(attacked).argmax(dim=1) != labels
    assert 1 < misclassified.sum() < len(images), "the test needs successful and failed attacks"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("keep", ["first", "worst", "last"])
def test_an_image_is_attacked_the_same_alone_and_in_a_batch(small, batch, numbers, norm, keep):
    images, labels, ids = batch
    radii = EPS[norm] / 10, EPS[norm] / 4, EPS[norm]
    attack = Pgd(eps=radii, norm=norm, steps=5, restarts=2, keep=keep)
    together = attack(small, images, labels, numbers(ids))
    for row in range(len(images)):
        alone = attack(small, images[[row]], labels[[row]], numbers([ids[row]]))
        assert torch.allclose(alone[:, 0], together[:, row], atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_that_fell_stays_fallen_at_larger_radii(small, batch, numbers, norm):
    images, labels, ids = batch
    radii = tuple(EPS[norm] * share for share in (0, 0.1, 0.25, 0.5, 1))
    levels = Pgd(eps=radii, norm=norm, steps=5)(small, images, labels, numbers(ids))
    misclassified = torch.stack([small(level).argmax(dim=1) != labels for level in levels])
    assert (misclassified[1:] >= misclassified[:-1]).all()
    assert misclassified[0].sum() < misclassified[-1].sum()
    for smaller, larger, before in zip(levels[:-1], levels[1:], misclassified[:-1], strict=True):
        assert torch.equal(smaller[before], larger[before])


def test_a_small_radius_gives_the_same_alone_and_in_a_list(small, batch, numbers):
    images, labels, ids = batch
    one, several = Pgd(eps=0.02, steps=5), Pgd(eps=(0.02, 0.1), steps=5)
    first = several(small, images, labels, numbers(ids))[0]
    assert torch.equal(one(small, images, labels, numbers(ids)), first)


def test_restarts_only_add_fallen_images(small, batch, numbers):
    images, labels, ids = batch
    once, often = (Pgd(eps=0.02, steps=2, restarts=count)(small, images, labels, numbers(ids)) for count in (1, 8))
    misclassified = small(once).argmax(dim=1) != labels
    assert torch.equal(once[misclassified], often[misclassified])
    assert (small(often).argmax(dim=1) != labels).sum() >= misclassified.sum()
    remaining = ~misclassified
    assert (once[remaining] - often[remaining]).abs().max() > 0, "no restart was made"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("objective", ["cross-entropy", "margin"])
@pytest.mark.parametrize("target", [None, "least-likely", 1])
def test_keep_worst_never_lowers_what_it_raises(small, batch, numbers, norm, objective, target):
    """Neither from the image, nor with more steps, more restarts or a larger radius; adversarial examples stay."""
    images, labels, ids = batch
    attack = Pgd(eps=EPS[norm] / 4, norm=norm, steps=3, step_size=2, keep="worst", objective=objective, target=target)
    criterion = Criterion.of(small, images, labels, numbers(ids), target=target, objective=objective)
    searches = [
        attack,
        attrs.evolve(attack, steps=6),
        attrs.evolve(attack, steps=6, restarts=3),
        attrs.evolve(attack, steps=6, restarts=3, eps=(EPS[norm] / 4, EPS[norm])),
    ]
    views = [images, *(search(small, images, labels, numbers(ids)) for search in searches)]
    views[-1:] = views[-1]
    scores = torch.stack([small(view) for view in views])
    values, fooled = (
        torch.stack(list(map(criterion.loss, scores))),
        torch.stack(list(map(criterion.is_adversarial, scores))),
    )
    assert (values.diff(dim=0) >= -1e-6).all()
    assert (fooled[1:] >= fooled[:-1]).all()
    assert (values[-1] > values[0])[criterion.attackable].all()
    assert torch.equal(views[-1][~criterion.attackable], images[~criterion.attackable])


def test_the_worst_is_the_highest_loss_of_all_steps(small, batch, numbers):
    """Steps from one end of the range of pixels to the other overshoot, so that the last is seldom the worst."""
    images, labels, ids = batch
    images, labels, ids = images[:-1], labels[:-1], ids[:-1]
    settings = {"eps": 1, "step_size": 2}
    ends = [Pgd(**settings, steps=steps, keep="last")(small, images, labels, numbers(ids)) for steps in range(1, 7)]
    start = (images + LP_BALLS["linf"].uniform(numbers(ids), 0, images.shape[1:])).clamp(0, 1)
    losses = torch.stack(
        [functional.cross_entropy(small(view), labels, reduction="none") for view in (images, start, *ends)]
    )
    worst = Pgd(**settings, steps=6, keep="worst")(small, images, labels, numbers(ids))
    kept = functional.cross_entropy(small(worst), labels, reduction="none")
    assert torch.allclose(kept, losses.amax(dim=0), atol=1e-5)
    assert (losses.argmax(dim=0) < 7).any(), "the test needs an image whose last step is not the worst"


@pytest.mark.parametrize("keep", ["first", "worst", "last"])
def test_the_model_sees_only_images_that_are_left(small, batch, numbers, passes, keep):
    """Counted in images: one pass for each, then one per step while an image is still classified correctly."""
    images, labels, ids = batch
    eps, steps = EPS["linf"] / 10, 12
    with passes(small) as counted:
        Pgd(eps=eps, steps=steps, keep=keep)(small, images, labels, numbers(ids))
    start = (images + eps * LP_BALLS["linf"].uniform(numbers(ids), 0, images.shape[1:])).clamp(0, 1)
    passes_of_each = []
    for row in range(len(images) - 1):  # the last one is wrong to begin with
        for count in range(1, steps + 1):
            one = attack_one(
                small,
                images[[row]],
                labels[row],
                start[[row]],
                norm="linf",
                eps=eps,
                step=eps / 4,
                steps=count - 1,
            )
            if small(one).argmax() != labels[row]:
                break
        passes_of_each.append(count)
    assert len(set(passes_of_each)) > 2, "the test needs images that fall at different steps"
    forward = {"first": len(images) + sum(passes_of_each), "worst": 7 + 7 * steps + 7, "last": 7 * steps}
    backward = {"first": sum(passes_of_each), "worst": 7 * steps, "last": 7 * steps}
    assert (counted.forward, counted.backward) == (forward[keep], backward[keep])


def test_a_list_of_radii_reuses_what_fell(small, batch, numbers, passes):
    images, labels, ids = batch
    eps = tuple(EPS["linf"] * share for share in (0.1, 0.2, 0.4))
    attack = Pgd(eps=eps, steps=3)
    with passes(small) as together:
        levels = attack(small, images, labels, numbers(ids))
    remaining = [int((small(level).argmax(dim=1) == labels).sum()) for level in levels]
    with passes(small) as apart:
        for radius in eps:
            attrs.evolve(attack, eps=radius)(small, images, labels, numbers(ids))
    assert 0 < remaining[0] < len(images) - 1
    assert together.backward <= 3 * (len(images) - 1 + remaining[0] + remaining[1])
    assert together.backward < apart.backward


def brute_force(weight, images, eps, target):
    """Try three values of each pixel in turn: of a linear model the best is at an end, whatever the other pixels."""
    best = images.clone()
    for pixel in range(images[0].numel()):
        tried = []
        for step in (-eps, 0.0, eps):
            changed = best.flatten(1).clone()
            changed[:, pixel] = (images.flatten(1)[:, pixel] + step).clamp(0, 1)
            tried.append(changed.view_as(images))
        scores = torch.stack([(one.flatten(1) @ weight.T)[:, target] for one in tried])
        best = torch.stack(tried)[scores.argmax(dim=0), torch.arange(len(images))]
    return best


def test_targeted_linf_reaches_what_brute_force_finds_on_a_linear_model(linear, numbers):
    images = torch.rand(3, 3, 8, 8, dtype=torch.float64)
    difference = linear.module[1].weight - linear.module[1].weight.flip(0)
    attack = Pgd(eps=0.1, steps=10, target=1, keep="last")
    attacked = attack(linear, images, torch.zeros(3, dtype=torch.long), numbers(list("abc")))
    assert torch.allclose(attacked, brute_force(difference, images, 0.1, 1), atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_agrees_with_foolbox_on_targets(small, batch, numbers, norm):
    images, labels, ids = batch
    targets = (labels + 1) % 4
    theirs = {"linf": FoolboxLinf, "l2": FoolboxL2}[norm](rel_stepsize=0.3, steps=6, random_start=False)
    mean, std = (torch.tensor(values).double() for values in (small.mean, small.std))
    preprocessing = {"mean": mean, "std": std, "axis": -3}
    network = foolbox.PyTorchModel(small.module, bounds=(0, 1), device="cpu", preprocessing=preprocessing)
    wanted, _, _ = theirs(network, images, foolbox.criteria.TargetedMisclassification(targets), epsilons=EPS[norm])
    for target in range(4):
        rows = (targets == target).nonzero().squeeze(1)
        if len(rows):
            attack = Pgd(
                eps=EPS[norm], norm=norm, steps=6, step_size=0.3, random_start=False, target=target, keep="last"
            )
            attacked = attack(small, images[rows], labels[rows], numbers(ids)[rows])
            assert torch.allclose(attacked, wanted[rows], atol=1e-7)


def test_targeted_attacks_reach_their_target(cifar, numbers):
    model = cifar.load("cifar-resnet20", "resnet20_standard")
    images, labels, ids = cifar.images[::20], cifar.labels[::20], cifar.ids[::20]
    with model.evaluating():
        for target in ("least-likely", "random", 3):
            criterion = Criterion.of(model, images, labels, numbers(ids), target=target)
            attacked = Pgd(eps=8 / 255, target=target)(model, images, labels, numbers(ids))
            reached = model(attacked).argmax(dim=1) == criterion.targets
            assert reached[criterion.attackable].float().mean() > 0.9
            assert not (model(images).argmax(dim=1) == criterion.targets)[criterion.attackable].float().mean() > 0.2


def test_a_margin_has_a_gradient_where_the_softmax_is_saturated(numbers):
    """Of logits that are 1000 apart the cross-entropy is exactly 0 in float32."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).requires_grad_(requires_grad=False)
    network[1].bias[0] += 1000
    images, label = torch.rand(1, 3, 8, 8), torch.tensor([0])
    still, moved = (
        Pgd(eps=0.1, random_start=False, objective=objective)(Classifier(network), images, label, numbers(["a"]))
        for objective in ("cross-entropy", "margin")
    )
    assert torch.allclose(still, images, atol=1e-7)
    assert (moved - images).abs().max() > 0.09


def test_the_start_is_random_per_seed_and_off_on_request(small, batch, numbers):
    images, labels, ids = batch
    attack = Pgd(eps=0.1, steps=1, step_size=0.01, keep="last")
    first, again, other = (attack(small, images, labels, numbers(ids, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.01
    still = Pgd(eps=0.1, steps=1, step_size=0.01, random_start=False, keep="last")(small, images, labels, numbers(ids))
    assert (still - images).abs().max() <= 0.001 + 1e-12


@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_gradient_moves_nothing(numbers, norm):
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).requires_grad_(requires_grad=False)
    nn.init.zeros_(network[1].weight)
    images = torch.rand(2, 3, 8, 8)
    attack = Pgd(eps=0.1, norm=norm, random_start=False, keep="last")
    attacked = attack(Classifier(network), images, torch.tensor([0, 1]), numbers(["a", "b"]))
    assert torch.allclose(attacked, images, atol=1e-7)


def test_restarts_without_a_random_start_are_refused():
    with pytest.raises(SpellingError, match="3 restarts with random_start=false"):
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
