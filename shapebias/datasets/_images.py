"""Image files: find them, read them, bring them to one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapebias.errors import DataError

__all__ = ["Interpolation", "class_folders", "fit", "image_files", "read_image"]

Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos"]
_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def image_files(folder: Path) -> list[Path]:
    """List the image files below a folder, sorted; files of other suffixes are passed over."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """List the images of each class folder.

    Raises:
        DataError: the folder is missing, has no class folders, or one of them has no image.
    """
    if not folder.is_dir():
        raise DataError(f"image folder {str(folder)!r} does not exist; check the path")
    classes = {sub.name: image_files(sub) for sub in sorted(folder.iterdir()) if sub.is_dir() and sub.name[0] != "."}
    if not classes:
        raise DataError(f"{str(folder)!r} has no class folders; put the images of each class into a folder of its name")
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise DataError(f"{str(folder)!r}: class folder(s) without images: {', '.join(empty)}; fill or remove them")
    return classes


def read_image(path: Path) -> Image.Image:
    """Read an image file as RGB; the orientation of EXIF is ignored, as torchvision does.

    Raises:
        DataError: the file is missing, damaged, or no image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"image {str(path)!r} does not exist") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"image {str(path)!r} cannot be read ({error}): it is truncated or no image; repair or remove it"
        ) from error


def fit(image: Image.Image, size: int | None, crop: float, interpolation: Interpolation) -> NDArray[Any]:
    """Resize the short side to ``size / crop`` and cut ``size`` x ``size`` from the centre, as torchvision rounds it.

    Args:
        image: an RGB image.
        size: side of the result in pixels; None leaves the image as it is.
        crop: share of the resized short side that the cut keeps.
        interpolation: how to resize; nothing is resized where the short side fits already.

    Returns:
        (H, W, 3) uint8.
    """
    if size is None:
        return np.asarray(image)
    short = int(size / crop)
    width, height = image.size
    if min(width, height) != short:
        scaled = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
        image = image.resize(scaled, Image.Resampling[interpolation.upper()])
        width, height = image.size
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size)))
