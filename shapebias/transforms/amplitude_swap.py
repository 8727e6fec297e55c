"""``amplitude-swap``: the Fourier phase of an image with the Fourier amplitude of another."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._fourier import spectrum

__all__ = ["AmplitudeSwap"]

# Relative to the mean's amplitude: float32 is off by 1e-9; 8-bit photographs have 1e-6 at their faintest frequencies.
_ROUNDING = 1e-7


@attrs.frozen
class AmplitudeSwap:
    """Give each image the Fourier amplitudes of another: phase carries shape, amplitude the statistics of texture.

    F becomes ((1 - strength) |F| + strength |P|) F / |F| in each channel, where F and P are the spectra of the image
    and of its partner; a frequency that the image lacks stays 0, since it has no phase.  The mean is an amplitude
    too, so brightness and colour cast are the partner's.  The result is clipped to [0, 1].

    The partner is another image of the data set, drawn for each image and taken before any transform.

    Source: Oppenheim & Lim 1981, The importance of phase in signals; for networks, Chen et al. 2021,
    Amplitude-phase recombination: rethinking robustness of CNNs in frequency domain.

    >>> images = torch.rand(2, 3, 16, 16)
    >>> torch.allclose(AmplitudeSwap()(images, None, partner=images), images, atol=1e-6)
    True
    """

    strength: float = param("share of the partner in the amplitude", default=1, ge=0, le=1)

    def __call__(self, images: Tensor, rng: ImageRandom, *, partner: Tensor) -> Tensor:
        """Change the amplitudes of (N, 3, H, W) images in [0, 1]; ``partner`` has their shape."""
        of_images = spectrum(images)
        own, other = of_images.abs(), spectrum(partner).abs()
        # Rounding leaves a meaningless phase in a frequency that the image lacks.
        phase = torch.where(own > _ROUNDING * own[..., :1, :1], of_images.sgn(), 0)
        swapped: Tensor = torch.fft.irfft2(own.lerp(other, self.strength) * phase, s=images.shape[-2:])
        return swapped.clamp(0, 1)
