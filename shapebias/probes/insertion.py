"""Insertion: how fast the target's probability rises when the map's most important pixels are inserted first."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.baselines import Baseline, blank
from shapebias.networks.classifier import Classifier
from shapebias.probes._curves import probability_curve
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Insertion"]


@attrs.frozen
class Insertion:
    """Measure the target's probability while the map's most important pixels are inserted into an empty image.

    A faithful map raises the probability early: a large area.  Petsiuk, Das & Saenko 2018, "RISE: randomized input
    sampling for explanation of black-box models", section 4.

    Args:
        steps: number of equal steps.
        baseline: the empty picture; a blurred one has no edges that the model could take for an object.

    >>> import torch
    >>> colours = Classifier(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    >>> rng = ImageRandom.for_images(seed=0, plugin="insertion", step_index=0, ids=["cat.png", "dog.png"])
    >>> images, targets, maps = torch.rand(2, 3, 32, 32), torch.tensor([0, 1]), torch.rand(2, 32, 32)
    >>> Insertion()(colours, images, targets, maps, rng)["curve"].shape
    torch.Size([2, 21])
    """

    steps: int = param("number of equal steps", default=20, ge=1)
    baseline: Baseline = param("what replaces removed pixels", default="blur")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``curve``, (N, steps + 1), and ``auc``, (N,)."""
        return probability_curve(model, blank(model, images, self.baseline), images, targets, maps, self.steps)
