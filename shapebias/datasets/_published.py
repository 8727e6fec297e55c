"""Shared code of the published data sets: photos in one folder per class, and arrays of corrupted images."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets.folder import Folder
from shapebias.errors import DataError
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import Interpolation
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["CorruptedArrays", "Corruption", "PublishedPhotos", "cifar_classes"]

Corruption: TypeAlias = Literal[
    "brightness",
    "contrast",
    "defocus_blur",
    "elastic_transform",
    "fog",
    "frost",
    "gaussian_blur",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "motion_blur",
    "pixelate",
    "saturate",
    "shot_noise",
    "snow",
    "spatter",
    "speckle_noise",
    "zoom_blur",
]


def cifar_classes(count: int) -> tuple[str, ...]:
    """Return the names of the classes of CIFAR-10 or CIFAR-100 in the order of the labels.

    >>> cifar_classes(10)[:2]
    ('airplane', 'automobile')
    """
    text = resources.files("shapebias").joinpath(f"resources/cifar{count}.txt").read_text(encoding="ascii")
    return tuple(text.split())


@attrs.frozen
class PublishedPhotos:
    """Photos in one folder for each WordNet id, resized and cropped as ``folder`` does.

    Args:
        size, crop, interpolation: see ``folder``.
    """

    source: ClassVar[str]
    label_space: ClassVar[Literal["own", "imagenet-1k"]] = "imagenet-1k"

    size: int = param("side of the images", default=224, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays", default=0.875, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")

    @property
    def classes(self) -> tuple[str, ...]:
        """The WordNet ids of the classes."""
        return self._photos.classes

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return self._photos.fingerprint

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Sample:
        return self._photos[index]

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published(self.source))

    @cached_property
    def _photos(self) -> Folder:
        folder = self._local_data.folder
        return Folder(folder, self.size, self.crop, self.interpolation, label_space=self.label_space)


@attrs.frozen
class CorruptedArrays:
    """Images of CIFAR under one corruption at one severity, read from the published arrays.

    An array has the 10,000 test images five times, from the weakest severity to the strongest, 32 x 32 pixels.

    Args:
        corruption: the name of the array.
        severity: 1 is the weakest.

    Raises:
        DataError: at the first use: an array is missing, damaged, or has not the published form.
    """

    source: ClassVar[str]
    class_names: ClassVar[tuple[str, ...]]

    corruption: Corruption = param("which corruption")
    severity: int = param("strength; 1 is the weakest", default=3, ge=1, le=5)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.class_names

    @property
    def fingerprint(self) -> str:
        """Hash of the labels and of the images: stored results are valid while it stays the same."""
        digest = hashlib.sha256(np.ascontiguousarray(self._labels).tobytes())
        digest.update(np.ascontiguousarray(self._images).tobytes())
        return digest.hexdigest()

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        return Sample(np.array(self._images[index]), f"{index:05d}", int(self._labels[index]))

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published(self.source))

    @cached_property
    def _images(self) -> NDArray[np.uint8]:
        path = self._local_data.folder / f"{self.corruption}.npy"
        whole = _array(path)
        if whole.dtype != np.uint8 or whole.ndim != 4 or whole.shape[1:] != (32, 32, 3):
            raise DataError(f"{path} is {whole.shape} {whole.dtype}, not (50000, 32, 32, 3) uint8; fetch it again")
        return whole[self._rows(len(whole), path)]

    @cached_property
    def _labels(self) -> NDArray[np.integer]:
        path = self._local_data.folder / "labels.npy"
        whole = _array(path)
        if whole.ndim != 1 or not np.issubdtype(whole.dtype, np.integer) or len(whole) != self._count:
            raise DataError(f"{path} is {whole.shape} {whole.dtype}, not a label for each image; fetch it again")
        return whole[self._rows(len(whole), path)]

    @cached_property
    def _count(self) -> int:
        return len(_array(self._local_data.folder / f"{self.corruption}.npy"))

    def _rows(self, count: int, path: Path) -> slice:
        """Find the rows of the severity: there are five severities with equally many images."""
        each, rest = divmod(count, 5)
        if rest or not each:
            raise DataError(f"{path} has {count} rows, not an equal number for each of five severities; fetch it again")
        return slice((self.severity - 1) * each, self.severity * each)


def _array(path: Path) -> NDArray[Any]:
    """Open an array without running any code in it."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as an array: {error}; fetch the set again") from error
    return array
