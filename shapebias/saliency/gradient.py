"""The plain gradient in the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from shapebias.objectives import Objective, Reduction, pixel_gradient, reduce_channels
from shapebias.params import param

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.classifier import Classifier
    from shapebias.rng import ImageRandom

__all__ = ["Gradient"]


@attrs.frozen
class Gradient:
    """Gradient of an objective in each pixel: how much a small change of the pixel matters.

    Simonyan, Vedaldi & Zisserman 2014, "Deep inside convolutional networks", section 3.

    >>> Gradient(objective="log-prob").reduce
    'abs-sum'
    """

    objective: Objective = param("what is explained", default="loss")
    target: str = param("class that is explained: label, prediction or an INDEX", default="label")
    reduce: Reduction = param("how the three channels become one map", default="abs-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:  # noqa: ARG002
        """Return maps (N, H, W) of images (N, 3, H, W) in [0, 1]."""
        gradient, _ = pixel_gradient(model, images, targets, self.objective)
        return reduce_channels(gradient, self.reduce)
