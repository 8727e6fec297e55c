"""Finding, listing and checking the image files of the data sets in this package."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from numpy.typing import NDArray

from shapebias.errors import DataError
from shapebias.images.reading import SUFFIXES, find_images
from shapebias.paths import folder_identity, printable, why_unusable

__all__ = ["ClassFolders", "ListedImage", "class_folders", "first_readable", "listing_fingerprint", "same_size"]

_Image = TypeVar("_Image")


@attrs.frozen
class ListedImage:
    """One line of a data set's listing.

    Args:
        file: path below its folder, with ``/``.
        label: index of its class.
        texture, shape: indices of the classes of its texture and shape, if known.
        id: its name in the data set; None takes the file's, in which bytes that are not UTF-8 are escaped.
    """

    file: str
    label: int
    texture: int | None = None
    shape: int | None = None
    id: str | None = None

    @property
    def name(self) -> str:
        """The name of the image in the results."""
        return self.id or printable(self.file)


@attrs.frozen
class ClassFolders:
    """The contents of a folder of class folders.

    Args:
        images: paths of the images below it, with ``/``, by class name; names and paths are sorted.
        skipped: the reason why any other entry was skipped, by its path.
    """

    images: Mapping[str, Sequence[str]]
    skipped: Mapping[str, str]


def class_folders(folder: Path) -> ClassFolders:
    """List the images of each class folder, in the order of ``torchvision.datasets.ImageFolder``.

    Images may be at any depth below the folder of their class.  Hidden files and folders are ignored.  Links are
    followed, and each folder is listed once: a link to a folder that is a class, or that has the classes in it, adds
    nothing.  Such links, files whose suffix is not that of an image, and entries that are neither files nor folders
    are skipped, and the result lists them.  In a class name, bytes that are not UTF-8 are escaped.

    Args:
        folder: the folder of class folders.

    Raises:
        DataError: there is no such folder, it cannot be read, it has no class folder, or a class folder has no images.
    """
    if not folder.is_dir():
        raise DataError(f"{printable(folder)} is not a folder; give the folder that has one folder of images a class")
    try:
        children = sorted(folder.iterdir(), key=lambda child: child.name)
    except OSError as error:
        raise DataError(f"{printable(folder)} cannot be read: {error.strerror}; allow it, or give another") from error
    visited = {folder_identity(parent) for parent in (folder.resolve(), *folder.resolve().parents)}
    skipped = {child.name: why for child in children if (why := _why_not_taken(child))}
    classes = []
    for child in sorted((child for child in children if _is_class(child)), key=Path.is_symlink):
        if (identity := folder_identity(child)) in visited:
            skipped[child.name] = "a link to a folder that is listed already"
        else:
            visited.add(identity)
            classes.append((child, identity))
    images = {}
    for child, identity in sorted(classes, key=lambda found: found[0].name):
        visited.discard(identity)
        found = find_images(child, visited)
        images[printable(child.name)] = [f"{child.name}/{image}" for image in found.files]
        skipped |= {f"{child.name}/{path}".rstrip("/"): why for path, why in found.skipped.items()}
    if not images:
        raise DataError(
            f"{printable(folder)} has no class folders; put the images of each class into a folder of that name"
        )
    if empty := [name for name, files in images.items() if not files]:
        unread = "".join(f"; {path} is {why}" for path, why in skipped.items() if path in empty)
        raise DataError(
            f"{printable(folder)} has class folders without images: {', '.join(empty)}{unread}; remove them, or fill "
            f"them with files that end in {', '.join(SUFFIXES)}"
        )
    return ClassFolders(images, {printable(path): why for path, why in skipped.items()})


def _is_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _why_not_taken(path: Path) -> str | None:
    """Return why an entry beside the class folders is skipped; None for class folders, notes and hidden files."""
    if path.name.startswith("."):
        return None
    problem = why_unusable(path)
    return problem or ("an image in no class folder" if path.is_file() and path.suffix.lower() in SUFFIXES else None)


def listing_fingerprint(folder: Path, entries: Iterable[ListedImage], classes: Sequence[str]) -> str:
    """Hash the listing of a data set: name, size and labels of each image, but no other files of its folder."""
    digest = hashlib.sha256("\n".join(classes).encode())
    for entry in entries:
        size = (folder / entry.file).stat().st_size
        digest.update(b"\n" + os.fsencode(entry.file) + f"\0{size} {entry.label} {entry.texture}".encode())
        if entry.shape is not None or entry.id is not None:
            digest.update(f" {entry.shape} {entry.id}".encode())
    return digest.hexdigest()


def first_readable(entries: Sequence[ListedImage], read: Callable[[ListedImage], _Image]) -> _Image:
    """Read the first image of a listing that can be read.

    Raises:
        DataError: no image can be read; the message says what is wrong with the first.
    """
    problem: DataError | None = None
    for entry in entries:
        try:
            return read(entry)
        except DataError as error:
            problem = problem or error
    raise problem or DataError("the data set has no images")


def same_size(image: NDArray[Any], first: NDArray[Any], name: object, advice: str) -> NDArray[Any]:
    """Return an image that has the size of the data set's first one.

    Raises:
        DataError: it has another size; the message has the image, both sizes and the advice.
    """
    if image.shape != first.shape:
        (height, width), (high, wide) = image.shape[:2], first.shape[:2]
        raise DataError(
            f"{name} is {height} x {width} pixels but the first image of the data set is {high} x {wide}; all images "
            f"of a data set must have one size: {advice}"
        )
    return image
