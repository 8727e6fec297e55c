"""``non-local-means:h``: average pixels whose surroundings are similar."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.rng import ImageRandom
from shapebias.spelling.params import param
from shapebias.transforms._gaussian import mirrored

__all__ = ["NonLocalMeans"]

_LEAST_WEIGHT = 0.001  # smaller weights count as 0, as in OpenCV: there are hundreds of them
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
        height, width = planes.shape[-2:]
        search, margin = self.window // 2, self.template // 2
        rows, columns = (mirrored(side, search + margin).to(planes.device) for side in (height, width))
        around = planes[..., rows[:, None], columns]
        patches = _window(around, search, search, height + 2 * margin, width + 2 * margin)
        down, across = (_box_means(side, margin).to(planes) for side in (height, width))
        total, weights = torch.zeros_like(planes), torch.zeros_like(planes[:, :1])
        for top in range(2 * search + 1):
            for left in range(2 * search + 1):
                others = _window(around, top, left, *patches.shape[-2:])
                differences = (patches - others).square().mean(dim=1, keepdim=True)
                weight = torch.exp(down @ differences @ across.T / -(self.h**2))
                weight = weight.where(weight >= _LEAST_WEIGHT, 0)
                total += weight * _window(others, margin, margin, height, width)
                weights += weight
        return total / weights


def _window(planes: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    return planes[..., top : top + height, left : left + width]


def _box_means(side: int, margin: int) -> Tensor:
    """Return (side, side + 2 margin): row i averages the pixels i to i + 2 margin."""
    width = 2 * margin + 1
    return torch.ones(side, side + 2 * margin).tril(2 * margin).triu() / width


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
