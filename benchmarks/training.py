"""How much time does training take?  One epoch of ``train``, standard and adversarial, against a loop written by hand.

A CNN on drawn stimuli; the adversary is PGD with 3 steps.  The loop has the same network, images in memory, optimiser,
steps of the attack, batches in the same order and starts of the attack, and no validation and no checkpoint.  Checked
first: the mean loss of the epoch is the same to four digits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from side_by_side import arguments, as_batch, load_samples, numbers, show, take_turns
from torch.nn import functional

import shapebias as sb
from shapebias.plugin import LP_BALLS, Classifier, default_catalog

SIZE, BATCH, EPS, STEPS = 64, 64, 8 / 255, 3
MODEL = "cnn:num_classes=8,width=32"


def by_shapebias(images: int, attack: str | None, device: torch.device) -> float:
    """Train for one epoch and return the loss."""
    recipe = sb.Recipe(
        MODEL,
        f"stimuli:images={images},size={SIZE}",
        attack,
        epochs=1,
        batch_size=BATCH,
        schedule="constant",
        lr=0.01,
        validation=f"stimuli:images=8,size={SIZE},seed=1",
    )
    with tempfile.TemporaryDirectory() as folder:
        return sb.train(recipe, Path(folder) / "trained.safetensors", device=str(device)).history[-1].loss


def by_hand(images: int, attack: str | None, device: torch.device) -> float:
    """Write the same epoch down as in a script."""
    model: Classifier = default_catalog().component("model", MODEL).load(device)
    pixels, labels, ids = as_batch(load_samples(f"stimuli:images={images},size={SIZE}", images), device)
    order = numbers("order", [""], device).epoch(0).permutation("order", 0, images)[0]
    rng = numbers("pgd", ids, device).epoch(0)
    optimiser = torch.optim.SGD(model.module.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    total = 0.0
    for rows in order.split(BATCH):
        inputs, wanted = pixels[rows], labels[rows]
        if attack is not None:
            model.module.eval()
            inputs = adversarial(model, inputs, wanted, LP_BALLS["linf"].uniform(rng[rows], 0, inputs.shape[1:]))
        model.module.train()
        loss = functional.cross_entropy(model(inputs), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(rows)
    return total / len(pixels)


def adversarial(model: Classifier, images: torch.Tensor, labels: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """Take the steps of PGD from a start in a random direction."""
    moved = (images + EPS * direction).clamp(0, 1)
    for _ in range(STEPS):
        moved.requires_grad_()
        (gradient,) = torch.autograd.grad(functional.cross_entropy(model(moved), labels, reduction="sum"), moved)
        moved = moved.detach() + EPS / 4 * gradient.sign()
        moved = (images + (moved - images).clamp(-EPS, EPS)).clamp(0, 1)
    return moved


def main() -> None:
    """Check that both have the same loss, then time them."""
    options = arguments(__doc__, images=2048, rounds=3)
    for kind, attack in (("standard", None), ("adversarial", f"pgd:eps={EPS},steps={STEPS}")):
        arguments_of = options.images, attack, options.device
        calls: dict[str, Callable[[], float]] = {
            "shapebias train": lambda given=arguments_of: by_shapebias(*given),
            "by hand": lambda given=arguments_of: by_hand(*given),
        }
        losses = {name: call() for name, call in calls.items()}
        ours, theirs = losses.values()
        assert abs(ours - theirs) < 1e-4 * theirs, f"the losses differ: {losses}"
        notes = {name: f"loss {loss:.4f}" for name, loss in losses.items()}
        title = f"{kind} epoch of {options.images} images of {SIZE} pixels"
        show(title, take_turns(calls, options.rounds, options.device), notes)


if __name__ == "__main__":
    main()
