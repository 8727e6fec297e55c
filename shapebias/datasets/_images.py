"""Image files of the data sets in this room: finding, listing, decoding, resizing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from shapebias.errors import DataError, SpellingError

__all__ = [
    "GIVE_SIZE",
    "Entry",
    "Interpolation",
    "check_crop",
    "class_folders",
    "fit",
    "listing_fingerprint",
    "read_image",
    "same_size",
]

GIVE_SIZE = "give size=, for example size=224,crop=0.875"

Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest", "lanczos"]

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


@attrs.frozen
class Entry:
    """One line of a data set's listing: path below its folder, with ``/``; index of its class; and of its texture's."""

    file: str
    label: int
    texture: int | None = None


def class_folders(folder: Path) -> dict[str, list[str]]:
    """List the images of each class folder, in the order of ``torchvision.datasets.ImageFolder``.

    Images lie at any depth below the folder of their class.  Hidden files and folders are passed over, and so are files
    whose suffix is not that of an image.

    Args:
        folder: the folder of class folders.

    Returns:
        The paths below ``folder``, with ``/``, by class name; names and paths are sorted.

    Raises:
        DataError: there is no such folder, no class folder in it, or a class folder without images.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the folder that has one folder of images for each class")
    classes = {
        child.name: [
            Path(parent, name).relative_to(folder).as_posix()
            for parent, _, names in sorted(os.walk(child, followlinks=True))
            for name in sorted(names)
            if Path(name).suffix.lower() in _SUFFIXES and not _hidden(Path(parent, name).relative_to(folder))
        ]
        for child in sorted(folder.iterdir(), key=lambda child: child.name)
        if child.is_dir() and not child.name.startswith(".")
    }
    if not classes:
        raise DataError(f"{folder} has no class folders; put the images of each class into a folder of that name")
    if empty := [name for name, images in classes.items() if not images]:
        raise DataError(
            f"{folder} has class folders without images: {', '.join(empty)}; remove them, or fill them with files "
            f"that end in {', '.join(sorted(_SUFFIXES))}"
        )
    return classes


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def listing_fingerprint(folder: Path, entries: Iterable[Entry], classes: Sequence[str]) -> str:
    """Hash what a data set lists: name, size and labels of each of its images, and of nothing else in its folder."""
    digest = hashlib.sha256("\n".join(classes).encode())
    for entry in entries:
        digest.update(f"\n{entry.file}\0{(folder / entry.file).stat().st_size} {entry.label} {entry.texture}".encode())
    return digest.hexdigest()


def read_image(path: Path) -> Image.Image:
    """Decode an image file to RGB.

    Grey and palette images and CMYK are converted; transparency is dropped and the EXIF orientation is ignored, as
    torchvision does, so that published accuracies can be met.

    Raises:
        DataError: the file is missing, damaged, no image, or has more than 8 bits a channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(
                    f"{path} has pixels of type {image.mode}, not of 8 bits; convert it to 8 bits a channel"
                )
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; restore it, or take it off the list") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be decoded as an image: {error}; delete or repair it") from error


def fit(
    image: Image.Image, size: int | None = None, crop: float = 1, interpolation: Interpolation = "bilinear"
) -> NDArray[np.uint8]:
    """Resize the short side to ``floor(size / crop)`` and cut the centre out, with torchvision's own functions.

    Args:
        image: an RGB image.
        size: side of the square; None leaves the image as it is.  An image that has this size is never touched.
        crop: share of the short side that is kept; 0.875 is 224 of 256.
        interpolation: Pillow's filter, which averages over all pixels that a new one covers.

    Returns:
        (H, W, 3).
    """
    if size is not None and image.size != (size, size):
        image = transforms.resize(image, int(size / crop), InterpolationMode(interpolation))
        image = transforms.center_crop(image, [size, size])
    return np.array(image)


def check_crop(size: int | None, crop: float) -> None:
    """Refuse a crop that :func:`fit` would not make.

    Raises:
        SpellingError: there is a crop and no size.
    """
    if size is None and crop != 1:
        raise SpellingError(f"crop={crop} does nothing without a size; {GIVE_SIZE}")


def same_size(image: NDArray[Any], first: NDArray[Any], name: object, advice: str) -> NDArray[Any]:
    """Return an image that has the size of the data set's first one.

    Raises:
        DataError: it has another; names the image, both sizes and the advice.
    """
    if image.shape != first.shape:
        (height, width), (high, wide) = image.shape[:2], first.shape[:2]
        raise DataError(
            f"{name} is {height} x {width} pixels and the first image of the data set {high} x {wide}, but a data set "
            f"has one size: {advice}"
        )
    return image
