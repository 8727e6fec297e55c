"""``noise:strength``: add white noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from shapebias.spelling.params import param

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["Noise"]


@attrs.frozen
class Noise:
    """Add white noise, independent for each pixel, and clip to [0, 1].

    Uniform noise is in [-strength, strength), Gaussian noise has the standard deviation ``strength``.  The grid of the
    source for uniform noise is 0.03, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9: grey noise on grey images of less contrast, so
    that little is clipped, ``grayscale+contrast:c=0.3+noise:strength=0.1,grey=true``.  The severities of ImageNet-C for
    Gaussian noise, independent in each channel, are 0.08, 0.12, 0.18, 0.26, 0.38.

    Source: uniform: Geirhos et al. 2018, Generalisation in humans and deep neural networks, section 2; Gaussian:
    Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations.

    >>> import torch
    >>> from shapebias.rng import ImageRandom
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> noisy = Noise(strength=0.1)(grey, ImageRandom.for_images(0, "noise", 0, ["cat.png"]))
    >>> bool(0.09 < (noisy - grey).abs().max() <= 0.1)
    True
    """

    strength: float = param(
        "half width of uniform noise, standard deviation of Gaussian noise", default=0.2, ge=0, unit="pixel value"
    )
    distribution: Literal["uniform", "gaussian"] = param("distribution of the noise", default="uniform")
    grey: bool = param("whether the three channels get the same noise", default=False)

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Add noise to (N, 3, H, W) images in [0, 1]."""
        shape = (1 if self.grey else 3, *images.shape[-2:])
        if self.distribution == "gaussian":
            noise = rng.normal("noise", 0, shape)
        else:
            noise = rng.uniform("noise", 0, shape).mul_(2).sub_(1)
        return noise.mul_(self.strength).add(images).clamp_(0, 1)
