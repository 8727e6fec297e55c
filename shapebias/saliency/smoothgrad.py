"""SmoothGrad: the mean gradient of noisy copies of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from shapebias.objectives import Objective, Reduction, pixel_gradient, reduce_channels
from shapebias.params import param

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.classifier import Classifier
    from shapebias.rng import ImageRandom

__all__ = ["SmoothGrad"]


@attrs.frozen
class SmoothGrad:
    """Mean gradient over copies of the image with Gaussian noise; the saliency method of the study.

    Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", section 3.1; Zhang & Zhu 2019, section 3.
    Sample i of an image has the same noise whatever the chunk, the batch and the other images.

    >>> SmoothGrad(samples=100).spread
    0.1
    """

    samples: int = param("noisy copies of each image", default=50, ge=1)
    spread: float = param("standard deviation of the noise", default=0.1, ge=0, unit="pixel value")
    square: bool = param("average the squares of the gradients", default=False)
    objective: Objective = param("what is explained", default="loss")
    target: str = param("class that is explained: label, prediction or an INDEX", default="label")
    reduce: Reduction = param("how the three channels become one map", default="abs-sum")

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of images (N, 3, H, W) in [0, 1]."""
        count, *shape = images.shape
        total = torch.zeros_like(images)
        # As many samples at once as fit into a chunk, so that memory does not grow with the samples.
        together = max(1, model.chunk // count)
        for start in range(0, self.samples, together):
            samples = range(start, min(start + together, self.samples))
            noisy = images[:, None] + self.spread * rng.normal("noise", samples, shape)
            gradient, _ = pixel_gradient(
                model, noisy.flatten(0, 1), targets.repeat_interleave(len(samples)), self.objective
            )
            gradient = gradient.unflatten(0, (count, len(samples)))
            total += (gradient.square() if self.square else gradient).sum(dim=1)
        return reduce_channels(total / self.samples, self.reduce)
