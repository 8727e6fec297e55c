"""Find out what an image processor of transformers does to pixels, by applying it to test images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor
from transformers import AutoImageProcessor

from shapebias.plugin import EvalCrop, ShapebiasError

__all__ = ["Preprocessing", "read_eval_crop", "read_preprocessing"]

_BLACK, _PRIMARIES = (0, 0, 0), ((255, 0, 0), (0, 255, 0), (0, 0, 255))
_SIDES = (512, 640)  # of the test images
_INTERPOLATIONS: dict[Any, Literal["nearest", "bilinear"]] = {
    Resampling.NEAREST: "nearest",
    Resampling.BILINEAR: "bilinear",
}


@attrs.frozen
class Preprocessing:
    """Normalisation and size.

    Args:
        mean, std: mean and standard deviation of red, green and blue, in pixel values of [0, 1].
        blue_first: whether the network takes blue, green, red.
        size: (H, W) of the images that the network gets, None if images are not resized.
        interpolation: how images are resized.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    blue_first: bool
    size: tuple[int, int] | None
    interpolation: Literal["nearest", "bilinear", "bicubic"]


def read_preprocessing(folder: Path) -> Preprocessing:
    """Find out what the image processor of a folder does.

    Processors write their settings in many ways: a scale of 1/127.5, a second normalisation, swapped channels, a size
    that is a short side.  So it is applied to black, red, green and blue images, which show what happens to each
    channel, and to images of two sizes, which show whether the output has a fixed size.

    Raises:
        ShapebiasError: there is no image processor, or it does more to colours than shift and scale each channel.
    """
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ShapebiasError(
            f"hf: {folder} has no image processor that can be read: {error}\nsave the one that the network was trained "
            "with beside it (processor.save_pretrained), or name a folder or model that has it with processor="
        ) from error
    black, *primaries = (_centre(_show(processor, colour, folder)) for colour in (_BLACK, *_PRIMARIES))
    gains = torch.stack([colour - black for colour in primaries])  # (channel in, channel out)
    blue_first = bool(gains[2, 0] != 0)
    if blue_first:
        gains, black = gains.fliplr(), black.flip(0)
    if (gains - gains.diag().diag()).any() or not (gains.diag() > 0).all():
        raise ShapebiasError(
            f"hf: the image processor of {folder} mixes colour channels, which normalisation cannot do; "
            "give another one with processor="
        )
    (height, width), again = (_show(processor, _BLACK, folder, side).shape[1:] for side in _SIDES)
    return Preprocessing(
        mean=_digits(-black / gains.diag()),
        std=_digits(1 / gains.diag()),
        blue_first=blue_first,
        size=(height, width) if (height, width) == tuple(again) else None,
        interpolation=_INTERPOLATIONS.get(getattr(processor, "resample", None), "bicubic"),
    )


def read_eval_crop(folder: Path) -> EvalCrop | None:
    """Return how the image processor of a folder resizes and cuts photographs; None where it is in another way.

    Two ways are read: the short side is resized and the centre cut out, or both sides are resized.
    """
    try:
        processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        size = dict(getattr(processor, "size", None) or {})
        cut = dict(getattr(processor, "crop_size", None) or {}) if getattr(processor, "do_center_crop", False) else {}
        resample: Any = getattr(processor, "resample", None)
        interpolation = Resampling(resample).name.lower()
    except Exception:  # noqa: BLE001 - a processor raises what it likes, and loading says what is wrong with it
        return None
    height, width = (cut or size).get("height"), (cut or size).get("width")
    if height is None or height != width or not getattr(processor, "do_resize", False):
        return None
    short = size.get("shortest_edge")
    if cut and short:
        return EvalCrop(height, short, interpolation)
    both = size.get("height")
    return EvalCrop(height, both, interpolation, squash=True) if both and both == size.get("width") else None


def _show(processor: Any, colour: tuple[int, int, int], folder: Path, side: int = _SIDES[0]) -> Tensor:
    """Apply a processor to an image of one colour, and return its pixels, (3, H, W)."""
    image = np.full((side, side, 3), colour, np.uint8)
    made = processor(images=image, return_tensors="pt").get("pixel_values")
    if not isinstance(made, Tensor) or made.ndim != 4 or made.shape[1] != 3:
        raise ShapebiasError(
            f"hf: the image processor of {folder} does not return (N, 3, H, W) pixels; name another one with processor="
        )
    return made[0].double()


def _centre(image: Tensor) -> Tensor:
    """Return the middle pixel of a (3, H, W) image, which is not padding."""
    return image[:, image.shape[1] // 2, image.shape[2] // 2]


def _digits(values: Tensor) -> tuple[float, ...]:
    """Round to seven decimals, the precision of processors, which compute in float32."""
    return tuple(round(value, 7) for value in values.tolist())
