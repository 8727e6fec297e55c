"""``random``: a map of noise, the control that every method must beat."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom

__all__ = ["Random"]


@attrs.frozen
class Random:
    """Draw a map, uniform in [0, 1), that depends on neither the model nor the pixels.

    A control: a faithful method has a larger insertion and a smaller deletion area than this.

    Source: Hooker et al. 2019, A benchmark for interpretability methods in deep neural networks.

    >>> import torch
    >>> rng = ImageRandom.for_images(0, "random", 0, ["cat.png", "dog.png"])
    >>> Random()(None, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), rng).shape
    torch.Size([2, 8, 8])
    """

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images."""
        return rng.uniform("map", 0, images.shape[2:])
