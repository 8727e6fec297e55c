"""What an image processor of transformers does to pixels, found out by asking it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor
from transformers import AutoImageProcessor

from shapebias import ShapebiasError

__all__ = ["Preprocessing", "read_preprocessing"]

_BLACK, _PRIMARIES = (0, 0, 0), ((255, 0, 0), (0, 255, 0), (0, 0, 255))
_SIDES = (512, 640)  # of the images that are shown to a processor
_INTERPOLATIONS: dict[Any, Literal["nearest", "bilinear"]] = {
    Resampling.NEAREST: "nearest",
    Resampling.BILINEAR: "bilinear",
}


@attrs.frozen
class Preprocessing:
    """Normalisation and size.

    Args:
        mean, std: of red, green and blue, in pixel values of [0, 1].
        blue_first: whether the network takes blue, green, red.
        size: (H, W) of the images that the network gets, None where it gets them as they are.
        interpolation: how images are resized.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    blue_first: bool
    size: tuple[int, int] | None
    interpolation: Literal["nearest", "bilinear", "bicubic"]


def read_preprocessing(folder: Path) -> Preprocessing:
    """Find out what the image processor of a folder does.

    Processors spell their settings in many ways: a scale of 1/127.5, a second normalisation, swapped channels, a size
    that is a short side.  So it is asked: black, red, green and blue images say what becomes of each channel, and
    images of two sizes whether there is one size for all.

    Raises:
        ShapebiasError: there is no image processor, or it does something else to colours than to shift and scale them.
    """
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ShapebiasError(
            f"hf: {folder} has no image processor that can be read: {error}\nsave the one that the network was "
            "trained with beside it (processor.save_pretrained), or name another folder or model that has it: processor="
        ) from error
    black, *primaries = (_centre(processor, colour, folder) for colour in (_BLACK, *_PRIMARIES))
    gains = torch.stack([colour - black for colour in primaries])  # (channel in, channel out)
    blue_first = bool(gains[2, 0] != 0)
    gain, offset = (gains.fliplr(), black.flip(0)) if blue_first else (gains, black)
    if (gain - gain.diag().diag()).any() or not (gain.diag() > 0).all():
        raise ShapebiasError(f"hf: the image processor of {folder} mixes colours, which no normalisation does")
    small, large = (_show(processor, _BLACK, side, folder).shape[-2:] for side in _SIDES)
    return Preprocessing(
        # Seven digits are what float32 has.
        mean=tuple(round(value, 7) for value in (-offset / gain.diag()).tolist()),
        std=tuple(round(value, 7) for value in (1 / gain.diag()).tolist()),
        blue_first=blue_first,
        size=tuple(small) if small == large else None,
        interpolation=_INTERPOLATIONS.get(getattr(processor, "resample", None), "bicubic"),
    )


def _show(processor: Any, colour: tuple[int, int, int], side: int, folder: Path) -> Tensor:
    """Return what a processor makes of an image of one colour, (3, H, W)."""
    image = np.full((side, side, 3), colour, np.uint8)
    made = processor(images=image, return_tensors="pt").get("pixel_values")
    if made is None or made.ndim != 4 or made.shape[1] != 3:
        raise ShapebiasError(f"hf: the image processor of {folder} makes no (N, 3, H, W) images, as a Classifier needs")
    return made[0].double()


def _centre(processor: Any, colour: tuple[int, int, int], folder: Path) -> Tensor:
    """Return the middle pixel, which is no padding, of what a processor makes of an image of one colour, (3,)."""
    made = _show(processor, colour, _SIDES[0], folder)
    return made[:, made.shape[1] // 2, made.shape[2] // 2]
