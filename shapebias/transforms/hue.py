"""``hue:degrees``: turn the colour circle."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["Hue"]

_LEAST = 1e-30  # a divisor for greys, which have no hue and stay


@attrs.frozen
class Hue:
    """Add an angle to the hue of each pixel, the H of HSV: red becomes green at 120 degrees, and green blue.

    Saturation and V = max(R, G, B) stay, and so do greys.  Luma changes, since green is lighter to the eye than blue.

    Source: Hosseini & Poovendran 2018, Semantic adversarial examples, section 3; HSV is of Smith 1978, Color gamut
    transform pairs.

    >>> Hue(degrees=120)(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1), None).flatten()
    tensor([0., 1., 0.])
    """

    degrees: float = param("angle; 180 takes every hue to its opposite", default=180, unit="degrees")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Turn the hue of (N, 3, H, W) images in [0, 1]."""
        red, green, blue = (plane.contiguous() for plane in images.split(1, dim=1))
        value = torch.maximum(torch.maximum(red, green), blue)
        chroma = value - torch.minimum(torch.minimum(red, green), blue)
        # The angle to red in units of 60 degrees, from -3 to 3: 0 where red is the largest and green equals blue.
        angle = (green + blue).sub_(red).sub_(value).div_(chroma.clamp_min(_LEAST)).add_(2).copysign_(green - blue)
        # The same to each channel after the turn, from -6 to 6; a channel is ``value`` at an angle of 0 and 1, and
        # falls to ``value - chroma`` at 2.
        centres = torch.tensor([0.0, 2.0, -2.0], dtype=torch.float64)
        turns = (self.degrees / 60 - centres + 3).remainder(6) - 3
        angles = angle + turns.to(images).view(3, 1, 1)
        away = angles.abs_().sub_(3).abs_().neg_().add_(2).clamp_(0, 1)
        turned: Tensor = (value - away.mul_(chroma)).clamp_(0, 1)
        return turned
