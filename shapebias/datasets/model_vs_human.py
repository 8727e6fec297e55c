"""``model-vs-human:SET``: the 17 sets of images that people have classified."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, listing_fingerprint, same_size
from shapebias.datasets.cue_conflict import texture_name
from shapebias.errors import DataError, suggestion
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import fit, images_below, read_image
from shapebias.networks.labels import entry_level_classes
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["HumanSet", "ModelVsHuman"]

HumanSet: TypeAlias = Literal[
    "colour",
    "contrast",
    "cue-conflict",
    "edge",
    "eidolonI",
    "eidolonII",
    "eidolonIII",
    "false-colour",
    "high-pass",
    "low-pass",
    "phase-scrambling",
    "power-equalisation",
    "rotation",
    "silhouette",
    "sketch",
    "stylized",
    "uniform-noise",
]
_WITHOUT_CONDITIONS = ("cue-conflict", "edge", "silhouette", "sketch", "stylized")


@attrs.frozen
class _Picture:
    """One image: its file, and the facts in its name."""

    file: str
    condition: str
    category: str
    name: str


@attrs.frozen
class ModelVsHuman:
    """One of the 17 sets of model-vs-human, 224 pixels, in the 16 entry-level classes.

    Twelve sets have images under several conditions, which the file names state; the condition is the first part of the
    id, ``c30/knife/n03041632_7380.png``, and :attr:`conditions` has it for each image.  In the other five the id is
    the class and the image, ``boat/boat-0068-sketch-23.png``.

    Args:
        set: the name of the set.
        condition: the conditions to take, as the file names spell them; none takes all.
        path: your own folder of the set as published; none takes the fetched one.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, a file is damaged or misnamed, or
            the set has no such condition.

    Source: Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision", section 2.

    >>> from shapebias.spelling.params import spell
    >>> spell("model-vs-human", ModelVsHuman("contrast", condition=("c30", "c100")), full=False)
    'model-vs-human:contrast,condition=c30,c100'
    """

    set: HumanSet = param("which of the 17 sets")
    condition: tuple[str, ...] = param("conditions to take, as file names spell them; empty takes all", default=())
    path: Path | None = param("your own folder of the set as published; none takes the fetched one", default=None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The 16 entry-level classes."""
        return tuple(entry_level_classes())

    @property
    def conditions(self) -> tuple[str, ...]:
        """The condition of each image, as its file name spells it."""
        return tuple(picture.condition for picture in self._pictures)

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._local_data.folder, self._entries, self.classes)

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        image = same_size(self._pixels(entry), self._first, self._local_data.folder / entry.file, "fetch the set again")
        return Sample(image, str(entry.id), entry.label, shape=entry.shape, texture=entry.texture)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._local_data.folder / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._entries[0])

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published(f"model-vs-human:{self.set}"), self.path)

    @cached_property
    def _entries(self) -> tuple[ListedImage, ...]:
        return tuple(self._entry(picture) for picture in self._pictures)

    def _entry(self, picture: _Picture) -> ListedImage:
        label = self.classes.index(picture.category)
        prefix = "" if self.set in _WITHOUT_CONDITIONS else f"{picture.condition}/"
        texture = texture_name(picture.name) if self.set == "cue-conflict" else None
        if texture is not None and texture not in self.classes:
            raise self._misnamed(picture.file, texture)
        return ListedImage(
            picture.file,
            label,
            None if texture is None else self.classes.index(texture),
            shape=label if self.set in _WITHOUT_CONDITIONS else None,
            id=f"{prefix}{picture.category}/{picture.name}",
        )

    @cached_property
    def _pictures(self) -> tuple[_Picture, ...]:
        """The images of the chosen conditions, by file."""
        everything = [self._picture(file) for file in images_below(self._local_data.folder)]
        known = list(dict.fromkeys(picture.condition for picture in everything))
        if unknown := [name for name in self.condition if name not in known]:
            raise DataError(
                f"model-vs-human:{self.set} has no condition {', '.join(unknown)}{suggestion(unknown[0], known)}; "
                f"it has {', '.join(sorted(known))}"
            )
        taken = [picture for picture in everything if not self.condition or picture.condition in self.condition]
        if not taken:
            raise DataError(f"{self._local_data.folder} has no images; run 'shapebias fetch model-vs-human:{self.set}'")
        return tuple(taken)

    def _picture(self, file: str) -> _Picture:
        """Read a name: of ``dnn/session-1/0001_cop_dnn_c30_knife_10_n03041632_7380.png``, or of ``bear/bear1.png``."""
        path = PurePosixPath(file)
        if path.parent.name.startswith("session-"):
            words = path.name.split("_", 6)
            if len(words) < 7 or words[4] not in self.classes:
                raise self._misnamed(file, path.name)
            return _Picture(file, words[3], words[4], words[6])
        if path.parent.name not in self.classes:
            raise self._misnamed(file, path.parent.name)
        return _Picture(file, "0", path.parent.name, path.name)

    def _misnamed(self, file: str, word: str) -> DataError:
        return DataError(
            f"{self._local_data.folder / file} is not named as published: {word!r} is not a class "
            f"of {', '.join(self.classes)}; rename or remove it"
        )
