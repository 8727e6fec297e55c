"""``visual-anagrams``: pairs of animals that are made of the same puzzle pieces."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, listing_fingerprint, same_size
from shapebias.errors import DataError
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import fit, images_below, read_image
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["VisualAnagrams"]

_CLASSES = ("bear", "bunny", "cat", "elephant", "frog", "lizard", "tiger", "turtle", "wolf")
_NAME = re.compile(r"(?P<pair>\d+(_\d+)?)_transform_(?P<first>[a-z]+)_(?P<second>[a-z]+)_object\d_(?P<label>[a-z]+)")


@attrs.frozen
class VisualAnagrams:
    """Pairs of images with the same 16 pieces, arranged as two different animals: only the whole tells them apart.

    The two images of a pair have the same number at the beginning of their id,
    ``000_transform_bear_bunny_object0_bear.png``; :attr:`pairs` has it for each image.  The published score is
    the share of pairs of which both images are classified correctly.

    Args:
        path: a folder of images named as published; none takes the published ones.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged or misnamed.

    Source: Doshi et al. 2025, "Visual anagrams reveal hidden differences in holistic shape processing across vision
    models".

    >>> VisualAnagrams().path is None
    True
    """

    path: Path | None = param("folder of images named as published; none takes the published ones", default=None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The nine animals."""
        return _CLASSES

    @property
    def pairs(self) -> tuple[str, ...]:
        """The number of the pair of each image."""
        return tuple(self._named(entry.file)["pair"] for entry in self._entries)

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._local_data.folder, self._entries, _CLASSES)

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        image = same_size(self._pixels(entry), self._first, self._local_data.folder / entry.file, "fetch the set again")
        return Sample(image, PurePosixPath(entry.file).name, entry.label, shape=entry.label)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._local_data.folder / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._entries[0])

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("visual-anagrams"), self.path)

    @cached_property
    def _entries(self) -> tuple[ListedImage, ...]:
        files = images_below(self._local_data.folder)
        return tuple(ListedImage(file, _CLASSES.index(self._named(file)["label"])) for file in files)

    def _named(self, file: str) -> re.Match[str]:
        named = _NAME.fullmatch(PurePosixPath(file).stem)
        if named is None or named["label"] not in _CLASSES or named["label"] not in (named["first"], named["second"]):
            raise DataError(
                f"{self._local_data.folder / file} is not named as published, "
                "PAIR_transform_ANIMAL_ANIMAL_objectN_ANIMAL "
                f"with two of {', '.join(_CLASSES)}; rename or remove it"
            )
        return named
