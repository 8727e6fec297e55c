"""Image files: finding, decoding and resizing them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapebias.errors import DataError, SpellingError
from shapebias.paths import FoundFiles, files_below, printable, why_unusable

__all__ = [
    "GIVE_SIZE",
    "SUFFIXES",
    "Interpolation",
    "check_crop",
    "find_images",
    "fit",
    "fit_mask",
    "images_below",
    "read_image",
]

Interpolation: TypeAlias = Literal["bilinear", "bicubic", "nearest", "lanczos"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""The suffixes of image files, in lower case."""

GIVE_SIZE = "give size=, for example size=224,crop=0.875"
"""The advice in errors about images of several sizes."""

_LIGHT = 127


def images_below(folder: Path) -> list[str]:
    """List the image files at any depth below a folder; hidden files and folders are skipped.

    Links are followed, and each folder is listed once: see :func:`shapebias.paths.files_below`.

    Args:
        folder: the folder.

    Returns:
        Paths relative to the folder, with ``/``, sorted by folder and then by name.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.png", "a.jpg", "notes.txt"):
    ...     (folder / name).touch()
    >>> images_below(folder)
    ['a.jpg', 'b.png']
    """
    return find_images(folder).files


def find_images(folder: Path, visited: set[tuple[int, int]] | None = None) -> FoundFiles:
    """List the image files below a folder, in the order of :func:`images_below`, and the skipped files with reasons.

    Args:
        folder: the folder.
        visited: folders not to list again, as in :func:`shapebias.paths.files_below`.
    """
    found = files_below(folder, visited)
    images, skipped = [], {}
    for file in filter(_is_shown, found.files):
        suffix = Path(file).suffix.lower()
        if suffix in SUFFIXES:
            images.append(file)
        else:
            skipped[file] = f"not an image by its name (*{suffix})" if suffix else "not an image by its name"
    images.sort(key=lambda file: (file.rpartition("/")[0], file))
    return FoundFiles(images, {path: why for path, why in found.skipped.items() if _is_shown(path)} | skipped)


def _is_shown(path: str) -> bool:
    return not any(part.startswith(".") for part in path.split("/"))


def read_image(file: Path | BinaryIO, name: object = None) -> Image.Image:
    """Decode an image file to RGB.

    Grey, palette and CMYK images are converted.  As in torchvision, transparency is dropped and the EXIF orientation is
    ignored, so that published accuracies can be reproduced.

    Args:
        file: its path, or an open file such as ``io.BytesIO(content)``.
        name: its name in messages; None takes the path.

    Raises:
        DataError: the file is missing, damaged, not an image, or has more than 8 bits per channel.

    >>> import io
    >>> content = io.BytesIO()
    >>> Image.new("L", (4, 2), 255).save(content, "PNG")
    >>> read_image(content, "white.png").getpixel((0, 0))
    (255, 255, 255)
    """
    name = printable(file) if name is None and isinstance(file, Path) else name
    if isinstance(file, Path) and file.exists() and (problem := why_unusable(file)):
        raise DataError(f"{name} is {problem}, not an image; delete it")
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(
                    f"{name} has pixels of type {image.mode}, not of 8 bits; convert it to 8 bits a channel"
                )
            return image.convert("RGB")
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist; restore it, or remove it from the list") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{name} cannot be decoded as an image: {error}; delete or repair it") from error


def check_crop(size: int | None, crop: float, resize: int | None = None, *, squash: bool = False) -> None:
    """Check that a crop comes with a size, since :func:`fit` would ignore it otherwise, and is given once.

    Args:
        size: side of the square in pixels; None keeps the size of images.
        crop: share of the short side that is kept.
        resize, squash: as of :func:`fit`.

    Raises:
        SpellingError: there is a crop and no size, or there are two crops.

    >>> check_crop(224, 0.875)
    """
    given = {f"crop={crop}": crop != 1, f"resize={resize}": resize is not None, "squash=true": squash}
    for text in (text for text, is_given in given.items() if is_given and size is None):
        raise SpellingError(f"{text} does nothing without a size; {GIVE_SIZE}")
    if resize is not None and crop != 1:
        raise SpellingError(f"resize={resize} and crop={crop} say the same in two ways; leave one out")


def fit(
    image: Image.Image,
    size: int | None = None,
    crop: float = 1,
    interpolation: Interpolation = "bilinear",
    resize: int | None = None,
    *,
    squash: bool = False,
) -> NDArray[np.uint8]:
    """Resize the short side to ``floor(size / crop)`` and crop the centre, with torchvision's functions.

    Args:
        image: an RGB image.
        size: side of the square in pixels; None keeps the size.  An image of this size is not changed unless
            ``resize`` is given.
        crop: share of the short side that is kept; 0.875 is 224 of 256.
        interpolation: Pillow's filter, which antialiases.
        resize: the short side before the centre is cropped, instead of ``crop``; a smaller image is padded with black.
        squash: resize both sides to this length, without keeping the aspect ratio; false by default.

    Returns:
        (H, W, 3) uint8.

    >>> fit(Image.new("RGB", (512, 256)), size=224, crop=0.875).shape
    (224, 224, 3)
    """
    if size is not None and (resize is not None or image.size != (size, size)):
        from torchvision.transforms import InterpolationMode  # the settings of data sets are read without PyTorch
        from torchvision.transforms import functional as transforms

        side = resize or int(size / crop)
        image = transforms.resize(image, [side, side] if squash else [side], InterpolationMode(interpolation))
        image = transforms.center_crop(image, [size, size])
    return np.array(image)


def fit_mask(
    mask: Image.Image,
    image: Image.Image,
    name: object,
    size: int | None = None,
    crop: float = 1,
    interpolation: Interpolation = "bilinear",
    resize: int | None = None,
    *,
    squash: bool = False,
) -> NDArray[np.bool_]:
    """Threshold a mask that is light, 128 to 255, on the object, and resize it like its image.

    Args:
        mask: the mask as an image.
        image: the image of the object, before :func:`fit`.
        name: the name of the mask in messages.
        size, crop, interpolation, resize, squash: as of :func:`fit`.

    Returns:
        (H, W) bool, true on the object.

    Raises:
        DataError: the mask has another size than the image, or is dark everywhere.

    >>> mask = Image.new("L", (4, 4))
    >>> mask.putpixel((0, 0), 255)
    >>> int(fit_mask(mask, Image.new("RGB", (4, 4)), "mask.png").sum())
    1
    """
    mask = mask.convert("L")
    if mask.size != image.size:
        raise DataError(
            f"{name} has {mask.size} pixels and its image {image.size} (width, height); give both the same size"
        )
    if np.asarray(mask).max() <= _LIGHT:
        raise DataError(f"{name} is dark everywhere; a mask is light, 128 to 255, on the object")
    return fit(mask, size, crop, interpolation, resize, squash=squash) > _LIGHT
