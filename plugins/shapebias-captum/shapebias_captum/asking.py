"""The model as Captum wants it: a module that gives one number an image, and random numbers of one image at a time."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator

import attrs
import torch
from torch import Tensor, nn

from shapebias.plugin import Classifier, ImageRandom, Objective, objective_values, seeded_generators

__all__ = ["BatchEvaluation", "image_by_image", "in_chunks", "quiet", "with_own_network"]


class BatchEvaluation(nn.Module):
    """Pixels and targets in, the objective of each image out.

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


def with_own_network(model: Classifier) -> Classifier:
    """Copy a model whose layers a method changes; nothing in the copy works in place, which Captum's hooks forbid."""
    network = copy.deepcopy(model.module)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return attrs.evolve(model, module=network)


def in_chunks(
    model: Classifier, images: Tensor, targets: Tensor, explain: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Explain at most a chunk of images at a time."""
    with torch.enable_grad(), quiet():
        pairs = zip(images.split(model.chunk), targets.split(model.chunk), strict=True)
        return torch.cat([explain(some.detach().requires_grad_(), wanted).detach() for some, wanted in pairs])


def image_by_image(
    images: Tensor, targets: Tensor, rng: ImageRandom, explain: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Explain each image alone, with global generators that begin at the image's own seed and are put back."""
    found = []
    with torch.enable_grad(), quiet():
        for row in range(len(images)):
            with seeded_generators(rng[row]):
                found.append(explain(images[row : row + 1].detach().requires_grad_(), targets[row : row + 1]).detach())
    return torch.cat(found)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep to oneself what Captum says at each call: that it sets hooks, and how it cuts a batch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Setting (forward|backward)", category=UserWarning)
        warnings.filterwarnings("ignore", message="This method computes finite differences", category=UserWarning)
        yield
