"""``non-local-means:h``: average pixels whose surroundings are similar."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._neighbours import average_neighbours

__all__ = ["NonLocalMeans"]

_LEAST_WEIGHT = 0.001  # smaller weights count as 0, as in OpenCV: there are hundreds of them
# Where exp() underflows it takes 60 times as long on a CPU.
_LEAST_EXPONENT = -10
# CIE XYZ from linear RGB with the primaries of ITU-R BT.709, divided by the white point D65.
_XYZ = (
    (0.412453 / 0.950456, 0.357580 / 0.950456, 0.180423 / 0.950456),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.088754, 0.119193 / 1.088754, 0.950227 / 1.088754),
)
_DARK, _SLOPE = 216 / 24389, 841 / 108  # below it the cube root of CIE L*a*b* is a straight line


@attrs.frozen
class NonLocalMeans:
    """Average each pixel with those pixels of a window around it that have similar surroundings: texture goes.

    The weight of pixel q in the average of pixel p is exp(-D(p, q) / h^2), D the mean squared difference of the patches
    of template x template pixels around them; weights below 0.001 count as 0.  The image is converted to CIE L*a*b*
    of linear RGB; L* and (a*, b*) have separate weights, and for (a*, b*) D is the mean over both.  In units of h, L*
    is in [0, 1], and a* and b* are divided by 255.  The image is mirrored beyond its border.

    This is OpenCV's ``fastNlMeansDenoisingColored(image, None, 255 h, 255 h, template, window)`` without its rounding
    of L*a*b* and of pixels to 8 bits.  As there, an even template or window becomes one pixel wider.  The grid of
    Burgert et al. is h = 5/255, 10/255, ..., 25/255.

    Source: Buades, Coll & Morel 2005, A non-local algorithm for image denoising; the grid: Burgert et al. 2025,
    ImageNet-trained CNNs are not biased towards texture, section 3.

    >>> flat = torch.full((1, 3, 4, 4), 0.5)
    >>> NonLocalMeans(h=0.1, template=3, window=3)(flat, None)[0, :, 0, 0]
    tensor([0.5000, 0.5000, 0.5000])
    """

    h: float = param("how different patches may be", default=15 / 255, gt=0, unit="pixel value")
    template: int = param("side of a patch", default=14, ge=1, unit="pixels")
    window: int = param("side of the window that is searched", default=21, ge=1, unit="pixels")

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Filter (N, 3, H, W) images in [0, 1]."""
        lab = _to_lab(images)
        lightness, colour = self._averaged(lab[:, :1]), self._averaged(lab[:, 1:])
        return _to_rgb(torch.cat([lightness, colour], dim=1)).clamp(0, 1)

    def _averaged(self, planes: Tensor) -> Tensor:
        """Average (N, C, H, W) planes, whose channels share their weights."""
        search, margin = self.window // 2, self.template // 2
        side, pitch = 2 * margin + 1, planes.shape[-1] + 2 * (search + margin)
        displacements = [
            (down, across) for down in range(search + 1) for across in range(-search if down else 1, search + 1)
        ]
        scale = -1 / (self.h**2 * side**2 * planes.shape[1])

        def weigh(differences: Tensor, _displacement: tuple[int, int]) -> Tensor:
            first, *others = differences.square_().split(1, dim=1)
            for other in others:
                first.add_(other)
            exponent = _running_sums(_running_sums(first, side, pitch), side, 1).mul_(scale)
            weight = exponent.clamp_min_(_LEAST_EXPONENT).exp_()
            return functional.threshold(weight, _LEAST_WEIGHT, 0, inplace=True)

        return average_neighbours(planes, displacements, weigh, reach=search, margin=margin)


def _running_sums(values: Tensor, count: int, step: int) -> Tensor:
    """Return the sums of ``count`` values, ``step`` apart, from each value of (..., L) on.

    A sum is doubled for each binary digit of ``count`` after the first, and one value is added where the digit is 1.

    >>> _running_sums(torch.arange(6), count=3, step=1)
    tensor([ 3,  6,  9, 12])
    """
    sums, taken = values, 1
    for digit in f"{count:b}"[1:]:
        sums = sums[..., : -taken * step] + sums[..., taken * step :]
        taken *= 2
        if digit == "1":
            sums[..., :-step] += values[..., taken * step :]
            sums, taken = sums[..., :-step], taken + 1
    return sums


def _to_lab(images: Tensor) -> Tensor:
    """Return L* / 100, a* / 255 and b* / 255 of linear RGB in [0, 1], (N, 3, H, W)."""
    xyz = torch.einsum("ij,njhw->nihw", images.new_tensor(_XYZ), images)
    x, y, z = torch.where(xyz > _DARK, xyz.clamp_min(_DARK) ** (1 / 3), _SLOPE * xyz + 4 / 29).unbind(dim=1)
    return torch.stack([1.16 * y - 0.16, 500 / 255 * (x - y), 200 / 255 * (y - z)], dim=1)


def _to_rgb(lab: Tensor) -> Tensor:
    """Undo :func:`_to_lab`."""
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 0.16) / 1.16
    roots = torch.stack([y + 255 / 500 * a, y, y - 255 / 200 * b], dim=1)
    xyz = torch.where(roots > _DARK ** (1 / 3), roots**3, (roots - 4 / 29) / _SLOPE)
    inverse = torch.linalg.inv(torch.tensor(_XYZ, dtype=torch.float64)).to(lab)
    return torch.einsum("ij,njhw->nihw", inverse, xyz)
