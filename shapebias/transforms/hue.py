"""``hue:degrees``: turn the colour circle."""

from __future__ import annotations

import attrs
from torch import Tensor
from torchvision.transforms.v2 import functional

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Hue"]


@attrs.frozen
class Hue:
    """Add an angle to the hue of each pixel, the H of HSV: red becomes green at 120 degrees, and green blue.

    Saturation and V = max(R, G, B) stay, and so do greys.  Luma changes, since green is lighter to the eye than blue.

    Source: Hosseini & Poovendran 2018, Semantic adversarial examples, section 3; HSV is of Smith 1978, Color gamut
    transform pairs.

    >>> import torch
    >>> Hue(degrees=120)(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1), None).flatten()
    tensor([0., 1., 0.])
    """

    degrees: float = param("angle; 180 takes every hue to its opposite", default=180, unit="degrees")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Turn the hue of (N, 3, H, W) images in [0, 1]."""
        turns = (self.degrees / 360 + 1 / 2) % 1 - 1 / 2
        turned: Tensor = functional.adjust_hue(images, turns)
        return turned.clamp(0, 1)
