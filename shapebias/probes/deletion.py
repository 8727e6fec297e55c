"""Deletion: how fast the target's probability drops when the map's most important pixels are removed first."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.baselines import Baseline, blank
from shapebias.networks.classifier import Classifier
from shapebias.probes._curves import probability_curve
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Deletion"]


@attrs.frozen
class Deletion:
    """Measure the target's probability while the map's most important pixels are removed from the image.

    A faithful map lowers the probability early: a small area.  Petsiuk, Das & Saenko 2018, "RISE: randomized input
    sampling for explanation of black-box models", section 4.

    Args:
        steps: number of equal steps.
        baseline: what replaces a removed pixel; a blurred pixel would still reveal it.

    >>> import torch
    >>> colours = Classifier(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    >>> rng = ImageRandom.for_images(seed=0, plugin="deletion", step_index=0, ids=["cat.png", "dog.png"])
    >>> images, targets, maps = torch.rand(2, 3, 32, 32), torch.tensor([0, 1]), torch.rand(2, 32, 32)
    >>> Deletion()(colours, images, targets, maps, rng)["curve"].shape
    torch.Size([2, 21])
    """

    steps: int = param("number of equal steps", default=20, ge=1)
    baseline: Baseline = param("what replaces removed pixels", default="mean")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``curve``, (N, steps + 1), and ``auc``, (N,)."""
        return probability_curve(model, images, blank(model, images, self.baseline), targets, maps, self.steps)
