"""``c-fog``: clouds of light that reduce contrast."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["Fog"]

_FOG = PublishedConstants(  # thickness, and how much smoother each finer level of the clouds is
    imagenet=((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
    cifar=((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)),
)


@attrs.frozen
class Fog:
    """Add clouds in [0, thickness], and scale so that the brightest pixel could be as bright as before.

    The clouds have the next power of two as sides, and are cropped to the image.

    Source: Hendrycks & Dietterich 2019, section 4; Fournier et al. 1982, Computer rendering of stochastic models, for
    the diamond-square algorithm.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        thickness, decay = _FOG.of(self)
        height, width = images.shape[2:]
        levels = max(1, (max(height, width) - 1).bit_length())
        clouds = _plasma(levels, decay, rng)[:, None, :height, :width].to(images)
        brightest = images.amax(dim=(1, 2, 3), keepdim=True)
        return ((images + thickness * clouds) * brightest / (brightest + thickness)).clamp(0, 1)


def _plasma(levels: int, decay: float, rng: ImageRandom) -> Tensor:
    """Draw plasma fractals, (N, S, S) from 0 to 1 with S = 2^levels, which can be tiled.

    Level by level, the middle of each square becomes the mean of its corners, and the middle of each side the mean of
    the four points around it, plus uniform noise that shrinks with the square of ``decay``.
    """
    heights = torch.zeros(len(rng), 2**levels, 2**levels, device=rng.device)
    for level in range(levels):
        step, swing = 2 ** (levels - level), (100 / decay**level) ** 2
        half = step // 2

        def displaced(total: Tensor, stream: str, level: int = level, swing: float = swing) -> Tensor:
            return total / 4 + swing * (2 * rng.uniform(stream, level, total.shape[1:]) - 1)

        corners = heights[:, ::step, ::step]
        beside = corners + corners.roll(-1, 2)
        below = corners + corners.roll(-1, 1)
        centres = heights[:, half::step, half::step] = displaced(below + below.roll(-1, 2), "centres")
        heights[:, ::step, half::step] = displaced(beside + centres + centres.roll(1, 1), "horizontal sides")
        heights[:, half::step, ::step] = displaced(below + centres + centres.roll(1, 2), "vertical sides")
    lowest, highest = heights.amin(dim=(1, 2), keepdim=True), heights.amax(dim=(1, 2), keepdim=True)
    return (heights - lowest) / (highest - lowest)
