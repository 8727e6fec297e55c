"""``phase-noise:width``: shift the phase of every spatial frequency at random."""

from __future__ import annotations

import math

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._fourier import spectrum

__all__ = ["PhaseNoise"]


@attrs.frozen
class PhaseNoise:
    """Shift the phase of every spatial frequency at random: contours dissolve, the power spectrum stays.

    F(u, v) becomes F(u, v) exp(i phi(u, v)) with phi uniform in [-width, width), the same in the three channels, so
    that the channels stay aligned.  phi(-u, -v) = -phi(u, v), as the spectrum of a real image requires; coefficients
    that are their own mirror image, including the mean, keep their phase.  The result is clipped to [0, 1].

    Source: Geirhos et al. 2018, Generalisation in humans and deep neural networks, section 2.

    >>> images = torch.rand(2, 3, 32, 32) / 4 + 3 / 8
    >>> rng = ImageRandom.for_images(0, "phase-noise", 0, ["cat.png", "dog.png"])
    >>> noisy = PhaseNoise(width=90)(images, rng)
    >>> torch.allclose(noisy.mean((-2, -1)), images.mean((-2, -1))), torch.allclose(noisy, images, atol=0.1)
    (True, False)
    """

    width: float = param("largest shift; 180 makes the phase fully random", default=90, ge=0, le=180, unit="degrees")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Shift the phases of (N, 3, H, W) images in [0, 1]."""
        height, width = images.shape[-2:]
        shift = math.radians(self.width) * _odd(2 * rng.uniform("phase", 0, (height, width)) - 1)
        shift = shift[:, None, :, : width // 2 + 1]
        turned = spectrum(images) * torch.polar(torch.ones_like(shift), shift)
        noisy: Tensor = torch.fft.irfft2(turned, s=(height, width))
        return noisy.clamp(0, 1)


def _odd(values: Tensor) -> Tensor:
    """Make (N, H, W) numbers odd in the frequency: (-u, -v) gets minus the number of (u, v).

    >>> _odd(torch.tensor([[[0.1, 0.2, 0.3]]]))
    tensor([[[ 0.0000,  0.2000, -0.2000]]])
    """
    height, width = values.shape[-2:]
    position = torch.arange(height * width, device=values.device).view(height, width)
    mirrored = position.flip(0, 1).roll((1, 1), (0, 1))
    return (mirrored - position).sign() * values.flatten(1)[:, torch.minimum(position, mirrored)]
