"""``folder:PATH``: your own images, in one folder per class or with a CSV file of labels."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapebias import files
from shapebias.datasets._images import (
    ClassFolders,
    ListedImage,
    class_folders,
    first_readable,
    listing_fingerprint,
    same_size,
)
from shapebias.errors import DataError, listed, suggestion
from shapebias.images.manifest import MANIFEST, read_manifest
from shapebias.images.reading import GIVE_SIZE, Interpolation, check_crop, fit, fit_mask, read_image
from shapebias.networks.labels import class_order, imagenet_wnids, whole_numbers
from shapebias.paths import as_path, printable, why_unusable
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["Folder"]

_PROBLEMS_SHOWN = 10


@attrs.frozen
class Folder:
    """Image files with labels, resized to one size.

    Without ``labels`` the folder has one folder per class, as ``torchvision.datasets.ImageFolder`` expects, and
    classes, order and labels are the same as there.  Links are followed, and each folder is listed once.  Hidden files
    are ignored; entries that are not files, not images, or unreadable are skipped and named in the results' caption.

    With ``labels`` a CSV file, in the folder or elsewhere, gives the class of each file; images keep the file's order.
    Numbers are sorted numerically, and 0.0 to 9.0 are 0 to 9, so such labels are the indices of their classes.

    With ``labels=manifest.json`` the folder is one that :func:`shapebias.make` made: ids, classes and labels, including
    those of shape and texture, are those of the data set of which it is a copy.

    With ``label_space=imagenet-1k`` the labels, or the names of the folders, are indices from 0 to 999 or WordNet ids
    (``n01440764``), and the data set has all 1,000 classes, so that a model chooses among all of them.  The same holds
    for such labels in a column whose name contains ``imagenet``.  Otherwise WordNet ids and integers are names: a model
    of ImageNet chooses among the classes that occur, and the caption of the results says so.

    With ``size`` the short side becomes ``floor(size / crop)`` and the centre is cropped, exactly as torchvision's
    Resize and CenterCrop do; a file that has the size is not changed.  Without ``size`` all files must have one size.
    Orientation in EXIF and transparency are ignored, as in torchvision.

    With ``masks`` each image ``cat/1.jpg`` has a mask ``cat/1.png`` of its size in that folder, light (128 to 255) on
    the object; the mask is resized and cropped like the image.

    Args:
        path: the folder.
        size: side of the images.
        crop: share of the short side that stays.
        interpolation: filter for resizing.
        labels: the CSV file, by its name in the folder or by its path, or the folder's manifest.
        file_column: its column of paths below the folder, with ``/``.
        label_column: its column of labels, texts or integers.
        label_space: what the labels mean.
        masks: the folder of the masks, outside ``path``.
        resize: the short side before the centre is cropped, as an alternative to ``crop``: 232 for 224 pixels.
        squash: resize both sides to it, so that all of the image is kept and its proportions are not.

    Raises:
        DataError: at the first use: the folder or a file is missing, empty or damaged; a label is not valid.
        SpellingError: ``crop``, ``resize`` or ``squash`` without ``size``, or ``crop`` beside ``resize``.

    >>> from shapebias.spelling.params import spell
    >>> spell("folder", Folder(Path("photos"), size=224, crop=0.875, labels="labels.csv"), full=False)
    'folder:photos,size=224,crop=0.875,labels=labels.csv'
    """

    path: Path = param("the folder")
    size: int | None = param("side of the images; none takes the files' own", default=None, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays, 0.875 for photos", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")
    labels: str | None = param(
        "CSV file in the folder or elsewhere, or manifest.json; none takes class folders", default=None
    )
    file_column: str = param("column of the CSV file with paths below the folder", default="file")
    label_column: str = param("column of the CSV file with labels", default="label")
    label_space: Literal["own", "imagenet-1k"] = param(
        "own: the classes that occur; imagenet-1k: all its classes, by index or WordNet id", default="own"
    )
    masks: Path | None = param("folder of PNG files named like the images, light on the object", default=None)
    resize: int | None = param(
        "short side before the centre is cropped; none is size / crop", default=None, ge=1, unit="pixels"
    )
    squash: bool = param("whether to resize both sides to the size, ignoring proportions", default=False)

    def __attrs_post_init__(self) -> None:
        check_crop(self.size, self.crop, self.resize, squash=self.squash)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self._listing[0]

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the listed files: stored results are valid while it stays the same."""
        own = listing_fingerprint(self.path, self._listing[1], self.classes)
        return own if self.masks is None else f"{own} with masks {files.fingerprint(self.masks)}"

    def __len__(self) -> int:
        return len(self._listing[1])

    def __getitem__(self, index: int) -> Sample:
        entry = self._listing[1][index]
        whole = read_image(self.path / entry.file)
        image = self._fit(whole)
        if self.size is None:
            same_size(image, self._first, printable(self.path / entry.file), GIVE_SIZE)
        mask = self._mask(entry, whole)
        return Sample(image, entry.name, entry.label, entry.shape, entry.texture, mask)

    def _fit(self, image: Image.Image) -> NDArray[np.uint8]:
        return fit(image, self.size, self.crop, self.interpolation, self.resize, squash=self.squash)

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return first_readable(self._listing[1], lambda entry: self._fit(read_image(self.path / entry.file)))

    def _mask(self, entry: ListedImage, image: Image.Image) -> NDArray[np.bool_] | None:
        if self.masks is None:
            return None
        path = (self.masks / entry.file).with_suffix(".png")
        how = self.size, self.crop, self.interpolation, self.resize
        return fit_mask(read_image(path), image, path, *how, squash=self.squash)

    @property
    def skipped(self) -> Mapping[str, str]:
        """The reasons why entries of the folder are skipped, by path; empty if a table lists the images."""
        return self._folders.skipped if self.labels is None else {}

    @cached_property
    def _folders(self) -> ClassFolders:
        return class_folders(self.path)

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[ListedImage, ...]]:
        """The classes and, in order, the images."""
        if self.labels == MANIFEST:
            return _read_manifest(self.path)
        if self.labels is None:
            folders = self._folders.images
            labels = [(file, name) for name, files in folders.items() for file in files]
            names = tuple(folders)
        else:
            labels = _read_labels(self.path, self.labels, self.file_column, self.label_column)
            names = class_order(label for _, label in labels)
        space = "imagenet-1k" if self._says_imagenet(names) else self.label_space
        if space == "own":
            index = {name: position for position, name in enumerate(names)}
        else:
            index = {text: position for position, wnid in enumerate(imagenet_wnids()) for text in (wnid, str(position))}
            if unknown := [name for name in names if name not in index]:
                raise DataError(
                    f"{self.path / (self.labels or '')} has labels that are neither an index from 0 to 999 nor a "
                    f"WordNet id of ImageNet-1k: {', '.join(unknown[:_PROBLEMS_SHOWN])}; correct them, or give "
                    "label_space=own"
                )
        classes = names if space == "own" else imagenet_wnids()
        return classes, tuple(ListedImage(file, index[name]) for file, name in labels)

    def _says_imagenet(self, names: Iterable[str]) -> bool:
        """Tell whether the column's name says that the labels are ImageNet's, and all of them are valid there."""
        if self.labels is None or "imagenet" not in self.label_column.lower():
            return False
        return {*imagenet_wnids(), *map(str, range(len(imagenet_wnids())))}.issuperset(names)


def _read_manifest(folder: Path) -> tuple[tuple[str, ...], tuple[ListedImage, ...]]:
    """Read the classes and images of a copy.

    Raises:
        DataError: there is no manifest, it is damaged, or it lists no or missing images.
    """
    made = read_manifest(folder / MANIFEST)
    if missing := [image.file for image in made.images if not (folder / image.file).is_file()]:
        shown = [f"{file} does not exist" for file in missing[:_PROBLEMS_SHOWN]]
        raise DataError(
            listed(f"{folder / MANIFEST} lists {len(missing)} images that are missing; make them again", shown)
        )
    if not made.images:
        raise DataError(f"{folder / MANIFEST} lists no images; make the copy again")
    return made.classes, tuple(
        ListedImage(image.file, image.label, image.texture, image.shape, image.id) for image in made.images
    )


def _read_labels(folder: Path, name: str, file_column: str, label_column: str) -> list[tuple[str, str]]:
    """Read pairs of file and label.

    Raises:
        DataError: the file is missing, is not such a table, lacks a column, or lists no, missing or repeated files.
    """
    path = folder / name
    if not path.exists() and as_path(name).is_file():
        path = as_path(name)
    if path.exists() and (problem := why_unusable(path)):
        raise DataError(f"{path} is {problem}, not a CSV file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            columns, rows = list(table.fieldnames or ()), list(table)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as a CSV file: {error}; labels= names a file in {folder}, or is its path"
        ) from error
    for role, column in (("file_column", file_column), ("label_column", label_column)):
        if column not in columns:
            known = f"it has {', '.join(columns)}" if columns else "it is empty"
            raise DataError(f"{path} has no column {column!r}{suggestion(column, columns)}; {known}; give {role}=")
    labels, problems = [], []
    for line, row in enumerate(rows, start=2):
        image, label = ((row[column] or "").strip() for column in (file_column, label_column))
        if not image or not label:
            problems.append(f"row {line} has no {file_column if not image else label_column}")
        elif not (folder / image).is_file():
            why = why_unusable(folder / image) if os.path.lexists(folder / image) else None
            problems.append(f"row {line}: {image} is {why}" if why else f"row {line}: {image} does not exist")
        else:
            labels.append((image, label))
    times = Counter(image for image, _ in labels)
    problems += [f"{image} is listed {count} times" for image, count in times.items() if count > 1]
    if problems or not labels:
        shown = [*problems[:_PROBLEMS_SHOWN], f"{len(problems)} in all"] if problems else ["it has no rows"]
        raise DataError(listed(f"{path} does not list images below {folder}:", shown))
    return list(zip((image for image, _ in labels), whole_numbers([label for _, label in labels]), strict=True))
