"""How much time does PGD take?  ``pgd`` against Foolbox, torchattacks and a hand-written loop, on CIFAR-10 networks.

20 steps of eps / 4 on 300 images, all in one batch, all from the random start of ``pgd``.  Checked first: as many
images are classified right afterwards, within 1 % of the images.  With ``--curve 1`` the work is a curve of six eps,
beside Foolbox's list of ``epsilons``.

``pgd`` stops attacking an image once the model errs on it, the others take every step of every image.  *passes* are the
images that went through the network, forward and backward; where the network is all that counts, their ratio is the
most that can be gained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unittest import mock

import attrs
import foolbox
import torch
import torchattacks
from side_by_side import CIFAR, CIFAR_NETWORKS, arguments, as_batch, load_model, load_samples, numbers, show, take_turns
from torch import Tensor, nn
from torch.nn import functional

from shapebias.attacks.pgd import Pgd
from shapebias.plugin import LP_BALLS, Classifier, ImageRandom

STEP = 1 / 4
CURVE = tuple(eps / 255 for eps in (0.25, 0.5, 1, 2, 4, 8))
SINGLE = (("standard", 2 / 255), ("adversarially trained", 2 / 255), ("adversarially trained", 8 / 255))


class Pixels(nn.Module):
    """A network that takes pixels, for the peers."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.network = model.module
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(model, name), device=model.device).view(3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalise and predict."""
        return self.network((pixels - self.mean) / self.std)


class FromHere(foolbox.attacks.LinfProjectedGradientDescentAttack):
    """Foolbox's PGD from a given direction."""

    def __init__(self, direction: Tensor, steps: int) -> None:
        super().__init__(rel_stepsize=STEP, steps=steps)
        self.direction = direction

    def get_random_start(self, x0: object, epsilon: float) -> object:
        """Return the start."""
        return x0 + epsilon * foolbox.attacks.base.ep.astensor(self.direction)


class FromThere(torchattacks.PGD):
    """torchattacks' PGD from a given direction, in place of the one that it draws."""

    def __init__(self, network: nn.Module, direction: Tensor, eps: float, steps: int) -> None:
        super().__init__(network, eps, STEP * eps, steps)
        self.direction = direction

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Attack."""

        def start(drawn: Tensor, _low: float, high: float) -> Tensor:
            return drawn.copy_(high * self.direction)

        with mock.patch.object(Tensor, "uniform_", start):
            return super().forward(images, labels)


def by_hand(network: nn.Module, images: Tensor, labels: Tensor, direction: Tensor, eps: float, steps: int) -> Tensor:
    """Write PGD down as in a notebook."""
    adversarial = (images + eps * direction).clamp(0, 1)
    for _ in range(steps):
        pixels = adversarial.clone().requires_grad_()
        functional.cross_entropy(network(pixels), labels, reduction="sum").backward()
        moved = adversarial + STEP * eps * pixels.grad.sign()
        adversarial = (images + (moved - images).clamp(-eps, eps)).clamp(0, 1)
    return adversarial


def attacks_on(
    model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom, eps: Sequence[float], steps: int
) -> dict[str, Callable[[], Sequence[Tensor]]]:
    """Prepare the attacks, each with a list of adversarial images by eps."""
    network, ours = Pixels(model).eval(), attrs.evolve(model, chunk=len(images))
    direction = LP_BALLS["linf"].uniform(rng, 0, images.shape[1:])
    theirs = foolbox.PyTorchModel(network, bounds=(0, 1), device=images.device)
    attack = Pgd(eps=eps, steps=steps, step_size=STEP)
    return {
        "shapebias pgd": lambda: attack(ours, images, labels, rng).reshape(len(eps), *images.shape),
        "Foolbox": lambda: FromHere(direction, steps)(theirs, images, labels, epsilons=list(eps))[1],
        "torchattacks": lambda: [FromThere(network, direction, each, steps)(images, labels) for each in eps],
        "by hand": lambda: [by_hand(network, images, labels, direction, each, steps) for each in eps],
    }


def counting(model: Classifier, attack: Callable[[], Sequence[Tensor]]) -> tuple[Sequence[Tensor], int]:
    """Attack, and count the images that go through the network."""
    seen: list[int] = []
    hook = model.module.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    attacked = attack()
    hook.remove()
    return attacked, sum(seen)


def main() -> None:
    """Check that all leave as many images right, then time them."""
    options = arguments(__doc__, images=300, steps=20, rounds=3, curve=0)
    images, labels, ids = as_batch(load_samples(CIFAR, options.images), options.device)
    rng = numbers("pgd", ids, options.device)
    works = [(name, CURVE) for name in CIFAR_NETWORKS] if options.curve else [(name, (eps,)) for name, eps in SINGLE]
    for name, eps in works:
        model = load_model(CIFAR_NETWORKS[name], options.device)
        calls = attacks_on(model, images, labels, rng, eps, options.steps)
        counts, notes = {}, {}
        for each, attack in calls.items():
            attacked, passes = counting(model, attack)
            with torch.no_grad():
                counts[each] = [int((model(level).argmax(dim=1) == labels).sum()) for level in attacked]
            notes[each] = f"right {', '.join(map(str, counts[each]))}; {passes} passes"
        allowed = max(1, len(images) // 100)
        for right in zip(*counts.values(), strict=True):
            assert max(right) - min(right) <= allowed, f"not as many images are right: {counts}"
        levels = ", ".join(f"{255 * each:g}" for each in eps)
        show(f"{name} network, eps {levels} / 255", take_turns(calls, options.rounds, options.device), notes)


if __name__ == "__main__":
    main()
