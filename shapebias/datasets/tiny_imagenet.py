"""``tiny-imagenet``: the validation images of 200 ImageNet classes at 64 pixels."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, listing_fingerprint, same_size
from shapebias.errors import DataError
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import fit, read_image
from shapebias.plugins.protocols import Sample

__all__ = ["TinyImageNet"]


@attrs.frozen
class TinyImageNet:
    """The 10,000 validation images of Tiny ImageNet, 64 x 64 pixels, 50 of each of 200 ImageNet classes.

    The classes are the WordNet ids in ``wnids.txt``, sorted.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Le & Yang 2015, "Tiny ImageNet visual recognition challenge" (Stanford CS231n).

    >>> TinyImageNet()
    TinyImageNet()
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The WordNet ids of the classes."""
        return self._listing[0]

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._images, self._listing[1], self.classes)

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._listing[1])

    def __getitem__(self, index: int) -> Sample:
        entry = self._listing[1][index]
        image = same_size(self._pixels(entry), self._first, self._images / entry.file, "fetch the set again")
        return Sample(image, entry.file, entry.label)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._images / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._listing[1][0])

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("tiny-imagenet"))

    @property
    def _images(self) -> Path:
        return self._local_data.folder / "val" / "images"

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[ListedImage, ...]]:
        """The classes and, by name, the images that are on disk."""
        table = self._local_data.folder / "val" / "val_annotations.txt"
        try:
            classes = tuple(sorted((self._local_data.folder / "wnids.txt").read_text(encoding="ascii").split()))
            rows = [line.split("\t")[:2] for line in table.read_text(encoding="ascii").splitlines() if line]
            labels = sorted((name, classes.index(wnid)) for name, wnid in rows)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self._local_data.folder} is not Tiny ImageNet as published ({error}): it has wnids.txt and "
                "val/val_annotations.txt; remove it and run 'shapebias fetch tiny-imagenet'"
            ) from error
        return classes, tuple(ListedImage(name, label) for name, label in labels if (self._images / name).is_file())
