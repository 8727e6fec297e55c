"""The published cue-conflict stimuli: the shape of one class with the texture of another."""

from __future__ import annotations

import functools
from pathlib import Path

import attrs
import numpy as np

from shapebias.contracts import Sample
from shapebias.datasets._images import class_folders, read_image
from shapebias.errors import DataError, suggestion
from shapebias.labels import entry_level_classes
from shapebias.params import param

__all__ = ["CueConflict"]


@attrs.frozen
class CueConflict:
    """Stimuli in folders of their shape, with the texture in the file's name, as ``cat/cat7-elephant1.png``.

    Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture".  Files without a texture word
    (``cat1.png``: edges, silhouettes) have a shape only; files such as ``cat1-cat3.png`` have both, without a
    conflict.  Images are never resized.  The classes are the 16 entry-level classes where the folders are among them,
    else the folder names.

    Raises:
        DataError: the folder is missing, a class folder is empty, a texture word is no class, an image is damaged.

    >>> CueConflict("stimuli/cue-conflict").path.name
    'cue-conflict'
    """

    path: Path = param("folder with one folder a shape", converter=Path)

    @functools.cached_property
    def _listing(self) -> tuple[tuple[str, ...], list[tuple[Path, int, int | None]]]:
        """The classes, and each file with the classes of its shape and texture."""
        folders = class_folders(self.path)
        classes = tuple(entry_level_classes()) if set(folders) <= set(entry_level_classes()) else tuple(folders)
        files = [
            (file, classes.index(shape), self._texture(file, classes))
            for shape, each in folders.items()
            for file in each
        ]
        return classes, files

    def _texture(self, file: Path, classes: tuple[str, ...]) -> int | None:
        _, dash, word = file.stem.partition("-")
        word = word.rstrip("0123456789")
        if not dash:
            return None
        if word not in classes:
            raise DataError(
                f"{file}: the texture word {word!r} is no class{suggestion(word, classes)}; "
                "files are named SHAPE1-TEXTURE2.png, or SHAPE1.png where there is no texture"
            )
        return classes.index(word)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self._listing[0]

    def __len__(self) -> int:
        return len(self._listing[1])

    def __getitem__(self, index: int) -> Sample:
        file, shape, texture = self._listing[1][index]
        name = file.relative_to(self.path).as_posix()
        return Sample(np.asarray(read_image(file)), name, shape, shape=shape, texture=texture)
