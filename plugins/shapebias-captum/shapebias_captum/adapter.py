"""A model in the form that Captum needs: a module that returns one score per image, and seeded random numbers."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator

import attrs
import torch
from torch import Tensor, nn

from shapebias.plugin import Classifier, ImageRandom, Objective, objective_values, seeded_generators

__all__ = ["ScoreModule", "image_by_image", "in_chunks", "with_copied_network", "without_captum_warnings"]


class ScoreModule(nn.Module):
    """A module that maps pixels and targets to the objective of each image.

    Args:
        model: the classifier.
        objective: what is explained.
    """

    def __init__(self, model: Classifier, objective: Objective) -> None:
        super().__init__()
        self.network = model.module
        self._model, self._objective = model, objective

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return (N,) objectives of (N, 3, H, W) pixels for (N,) targets."""
        return objective_values(self._model, self._model(images), targets, self._objective)


def with_copied_network(model: Classifier) -> Classifier:
    """Copy a model for a method that changes its layers; the copy's layers do not work in place, as Captum requires."""
    network = copy.deepcopy(model.module)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return attrs.evolve(model, module=network)


def in_chunks(
    model: Classifier, images: Tensor, targets: Tensor, explain: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Explain the images chunk by chunk, at most ``model.chunk`` at a time."""
    with torch.enable_grad(), without_captum_warnings():
        pairs = zip(images.split(model.chunk), targets.split(model.chunk), strict=True)
        return torch.cat([explain(some.detach().requires_grad_(), wanted).detach() for some, wanted in pairs])


def image_by_image(
    images: Tensor, targets: Tensor, rng: ImageRandom, explain: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Explain each image alone, with the global generators seeded for the image and restored afterwards."""
    found = []
    with torch.enable_grad(), without_captum_warnings():
        for row in range(len(images)):
            with seeded_generators(rng[row]):
                found.append(explain(images[row : row + 1].detach().requires_grad_(), targets[row : row + 1]).detach())
    return torch.cat(found)


@contextlib.contextmanager
def without_captum_warnings() -> Iterator[None]:
    """Silence the warnings that Captum gives at each call, about hooks and about splitting a batch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Setting (forward|backward)", category=UserWarning)
        warnings.filterwarnings("ignore", message="This method computes finite differences", category=UserWarning)
        yield
