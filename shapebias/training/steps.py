"""The optimiser, the schedule of its learning rate, and the seed of random layers such as dropout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

from shapebias.rng import ImageRandom
from shapebias.training.distributed import Processes
from shapebias.training.recipe import Recipe

__all__ = ["make_optimiser", "make_schedule", "seeded"]


def make_optimiser(recipe: Recipe, parameters: Iterator[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Make the optimiser of a recipe."""
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(parameters, recipe.lr, weight_decay=recipe.weight_decay)
    nesterov = recipe.momentum > 0
    return torch.optim.SGD(parameters, recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=nesterov)


def make_schedule(recipe: Recipe, optimiser: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """Make the schedule of the learning rate over all training steps."""
    match recipe.schedule:
        case "one-cycle":
            return OneCycleLR(optimiser, recipe.lr, total_steps=steps, cycle_momentum=False)
        case "cosine":
            return CosineAnnealingLR(optimiser, steps)
        case "constant":
            return ConstantLR(optimiser, factor=1)


@contextlib.contextmanager
def seeded(seed: int, epoch: int, ranks: Processes) -> Iterator[None]:
    """Seed random layers, such as dropout, by epoch and process; the global random state is restored."""
    with torch.random.fork_rng([ranks.device] if ranks.device.type == "cuda" else []):
        numbers = ImageRandom.for_images(seed, "network", ranks.rank, [""]).epoch(epoch)
        torch.manual_seed(int(numbers.integers("seed", 0, (), high=2**31)))
        yield
