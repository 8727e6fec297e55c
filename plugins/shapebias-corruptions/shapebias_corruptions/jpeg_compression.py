"""``c-jpeg-compression``: written as JPEG and read again.

Source: Hendrycks & Dietterich 2019, section 4, and the code released with it.
"""

from __future__ import annotations

import io

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["JpegCompression"]

_QUALITY = PublishedConstants(imagenet=(25, 18, 15, 10, 7), cifar=(80, 65, 58, 50, 40))


@attrs.frozen
class JpegCompression:
    """Round to bytes, write as JPEG of a low quality with colour at half resolution, and read that again.

    Pillow does this on the CPU, so that the bytes do not depend on the device of the images.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        pixels = (255 * images).round_().byte().permute(0, 2, 3, 1).cpu().numpy()
        coded = np.stack([_coded(each, _QUALITY.of(self)) for each in pixels])
        return torch.from_numpy(coded).permute(0, 3, 1, 2).to(images).div_(255)


def _coded(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))
