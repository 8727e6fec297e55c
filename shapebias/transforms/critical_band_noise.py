"""``critical-band-noise:band,sigma``: a grey image of low contrast with noise of one octave."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._gaussian import smoothing
from shapebias.transforms._luma import luma

__all__ = ["CriticalBandNoise"]

_BANDS = 7
_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


@attrs.frozen
class CriticalBandNoise:
    """Show each image in grey, with little contrast, under Gaussian noise of one octave of spatial frequencies.

    Luma Y becomes ``mean`` + ``contrast`` (Y - mean of Y).  White Gaussian noise of standard deviation sigma is cut
    into seven bands by a Laplacian pyramid.  The noise of the chosen band is scaled to the root mean square of the
    finest band, about 0.95 sigma, so that every band has the same power, and then added.  The sum is clipped to [0, 1].
    Band k is centred on 1.75 2^k cycles per image for images of 224 pixels, and on (side / 128) 2^k in general.  The
    grid of the source is sigma = 0, 0.02, 0.04, 0.08, 0.16 in each of the seven bands; the metric ``critical-band``
    reads thresholds from it.

    Source: Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness, section 3; the
    pyramid: Burt & Adelson 1983, The Laplacian pyramid as a compact image code.

    >>> images = torch.rand(1, 3, 224, 224)
    >>> rng = ImageRandom.for_images(0, "critical-band-noise", 0, ["cat.png"])
    >>> noisy = CriticalBandNoise(band=4, sigma=0.08)(images, rng)
    >>> grey = CriticalBandNoise(band=4, sigma=0)(images, rng)
    >>> round(float((noisy - grey).square().mean().sqrt()), 2)
    0.08
    """

    band: int = param("number of the octave, from coarse to fine", default=4, ge=0, le=_BANDS - 1)
    sigma: float = param("standard deviation of the noise before filtering", default=0.16, ge=0, unit="pixel value")
    contrast: float = param("share of the image's contrast that stays", default=0.2, ge=0, le=1)
    mean: float = param("mean of the image", default=0.449, ge=0, le=1, unit="pixel value")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Make (N, 3, H, W) images in [0, 1] grey and add the noise."""
        grey = luma(images)[:, None].clamp_(0, 1)
        grey = self.mean + self.contrast * (grey - grey.mean(dim=(-2, -1), keepdim=True))
        noise = rng.normal("noise", 0, (1, *images.shape[-2:])).mul_(self.sigma)
        finest = _pyramid_band(noise, 0)
        band = _pyramid_band(noise, _BANDS - 1 - self.band)
        # Where sigma is 0, and in an image of a single pixel, there is no noise to scale.
        scale = _root_mean_square(finest) / _root_mean_square(band).clamp_min(1e-12)
        return (grey + scale * band).clamp(0, 1).expand_as(images).contiguous()


def _root_mean_square(noise: Tensor) -> Tensor:
    return noise.square().mean(dim=(-2, -1), keepdim=True).sqrt()


def _pyramid_band(noise: Tensor, level: int) -> Tensor:
    """Return what one level of a Laplacian pyramid adds to the image, at the image's size; the last keeps the rest.

    Args:
        noise: (..., H, W).
        level: 0 is the finest of seven.
    """
    expanding: list[tuple[Tensor, Tensor]] = []
    for step in range(min(level + 1, _BANDS - 1)):
        weights = torch.tensor(_BINOMIAL, dtype=torch.float64)
        rows, columns = (smoothing(side, weights).to(noise) for side in noise.shape[-2:])
        smaller = rows[::2] @ noise @ columns[::2].T
        expanding.append((_expanding(rows), _expanding(columns)))
        if step == level:
            rows, columns = expanding.pop()
            noise = noise - rows @ smaller @ columns.T
        else:
            noise = smaller
    for rows, columns in reversed(expanding):
        noise = rows @ noise @ columns.T
    return noise


def _expanding(smoother: Tensor) -> Tensor:
    """Make the matrix that fills in every second pixel: zeros in between, then smoothing that keeps the mean."""
    matrix = smoother[:, ::2]
    return matrix / matrix.sum(dim=1, keepdim=True)
