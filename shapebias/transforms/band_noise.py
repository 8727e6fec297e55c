"""``band-noise:centre``: add noise of one band of spatial frequencies."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.errors import DataError
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._fourier import filtered, squared_frequency

__all__ = ["BandNoise"]


@attrs.frozen
class BandNoise:
    """Add grey noise of one band of spatial frequencies: it hurts most in the band that a classifier relies on.

    Gaussian noise keeps its coefficients with low <= sqrt(u^2 + v^2) < high, where high / low = 2^octaves and
    sqrt(low high) = centre, u and v in cycles per image (per shorter side).  It is scaled so that its root mean square
    is sigma in each image, added to all three channels alike, and the sum is clipped to [0, 1].

    Raises:
        DataError: the images have no frequency in the band.

    Source: critical-band masking, Solomon & Pelli 1994, The visual filter mediating letter identification; for
    networks, Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness.

    >>> import torch
    >>> grey = torch.full((1, 3, 64, 64), 0.5)
    >>> noisy = BandNoise(centre=8, sigma=0.1)(grey, ImageRandom.for_images(0, "band-noise", 0, ["cat.png"]))
    >>> (noisy - grey).square().mean().sqrt()
    tensor(0.1000)
    """

    centre: float = param("middle of the band", default=16, gt=0, unit="cycles per image")
    octaves: float = param("width of the band", default=1, gt=0, unit="octaves")
    sigma: float = param("root mean square of the noise", default=0.16, ge=0, unit="pixel value")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Add noise to (N, 3, H, W) images in [0, 1]."""
        height, width = images.shape[-2:]
        squared, ratio = squared_frequency(images), 2**self.octaves
        band = (squared >= self.centre**2 / ratio) & (squared < self.centre**2 * ratio)
        if not band.any():
            raise DataError(
                f"band-noise: images of {height} x {width} pixels have no frequency in a band of {self.octaves:g} "
                f"octaves about {self.centre:g} cycles per image; choose a centre from 1 to "
                f"{min(height, width) // 2}, or more octaves"
            )
        noise = filtered(rng.normal("noise", 0, (1, height, width)), band)
        scale = self.sigma / noise.square().mean(dim=(-2, -1), keepdim=True).sqrt()
        return (images + scale * noise).clamp(0, 1)
