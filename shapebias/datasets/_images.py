"""Image files of the data sets in this room: finding, listing, checking."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
from numpy.typing import NDArray

from shapebias.errors import DataError
from shapebias.image_files import SUFFIXES, images_below

__all__ = ["Entry", "class_folders", "listing_fingerprint", "same_size"]


@attrs.frozen
class Entry:
    """One line of a data set's listing.

    Args:
        file: path below its folder, with ``/``.
        label: index of its class.
        texture, shape: indices of the classes of its texture and shape, where known.
        id: its name in the data set; None takes the file's.
    """

    file: str
    label: int
    texture: int | None = None
    shape: int | None = None
    id: str | None = None


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
        child.name: [f"{child.name}/{image}" for image in images_below(child)]
        for child in sorted(folder.iterdir(), key=lambda child: child.name)
        if child.is_dir() and not child.name.startswith(".")
    }
    if not classes:
        raise DataError(f"{folder} has no class folders; put the images of each class into a folder of that name")
    if empty := [name for name, images in classes.items() if not images]:
        raise DataError(
            f"{folder} has class folders without images: {', '.join(empty)}; remove them, or fill them with files "
            f"that end in {', '.join(SUFFIXES)}"
        )
    return classes


def listing_fingerprint(folder: Path, entries: Iterable[Entry], classes: Sequence[str]) -> str:
    """Hash what a data set lists: name, size and labels of each of its images, and of nothing else in its folder."""
    digest = hashlib.sha256("\n".join(classes).encode())
    for entry in entries:
        digest.update(f"\n{entry.file}\0{(folder / entry.file).stat().st_size} {entry.label} {entry.texture}".encode())
        if entry.shape is not None or entry.id is not None:
            digest.update(f" {entry.shape} {entry.id}".encode())
    return digest.hexdigest()


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
