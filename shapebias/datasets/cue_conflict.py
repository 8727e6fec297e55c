"""``cue-conflict``: images with the shape of one class and the texture of another, published or your own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import (
    ClassFolders,
    ListedImage,
    class_folders,
    first_readable,
    listing_fingerprint,
    same_size,
)
from shapebias.errors import DataError, suggestion
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import fit, read_image
from shapebias.networks.labels import entry_level_classes
from shapebias.paths import printable
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["CueConflict", "texture_name"]

# The last word of "cat7-elephant1", without its number.
_TEXTURE = re.compile(r".+-(.+?)\d*")


def texture_name(file: str) -> str | None:
    """Read the texture from a file's name; None if the name has no second word.

    >>> texture_name("cat/cat7-elephant1.png"), texture_name("cat/cat7.png")
    ('elephant', None)
    """
    named = _TEXTURE.fullmatch(PurePosixPath(file).stem)
    return None if named is None else named[1]


@attrs.frozen
class CueConflict:
    """Images named as by Geirhos et al. 2019: the folder is the shape, the second word of the file name the texture.

    ``cat/cat7-elephant1.png`` has the shape of a cat and the texture of an elephant; ``cat/cat7-cat3.png`` has both of
    a cat and is not a conflict; ``cat/cat7.png``, as in the sets of edges and silhouettes, has no texture label.  The
    label is the shape.

    If all folders are among the 16 entry-level classes, the classes are these 16, so that a model chooses among all of
    them; otherwise they are the folders' names.  Images are never resized: most networks take 224 pixels, the published
    size, and resizing alone changes the shape bias of ResNet-50 by several points.

    Args:
        path: the folder of class folders; none takes the 1,280 published stimuli, which are fetched if missing.

    Raises:
        DataError: at the first use: the folder or a file is missing or damaged, or a texture is not a class.

    Source: Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", section 2.

    >>> from shapebias.spelling.params import spell
    >>> spell("cue-conflict", CueConflict(Path("stimuli/cue-conflict")), full=False)
    'cue-conflict:stimuli/cue-conflict'
    >>> spell("cue-conflict", CueConflict(), full=False)
    'cue-conflict'
    """

    path: Path | None = param("the folder of class folders; none takes the published stimuli", default=None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, of shapes and textures alike."""
        return self._listing[0]

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the listed files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._folder, self._listing[1], self.classes)

    @property
    def note(self) -> str | None:
        """Which part of the published stimuli is on disk; None if all are, or if the images are your own."""
        return None if self.path else self._local_data.note

    def __len__(self) -> int:
        return len(self._listing[1])

    def __getitem__(self, index: int) -> Sample:
        entry = self._listing[1][index]
        file = printable(self._folder / entry.file)
        image = same_size(self._pixels(entry), self._first, file, "remove it, or make it again")
        return Sample(image, entry.name, entry.label, shape=entry.label, texture=entry.texture)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._folder / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return first_readable(self._listing[1], self._pixels)

    @property
    def skipped(self) -> Mapping[str, str]:
        """The reason why an entry of the folder is not among the images, by its path."""
        return self._folders.skipped

    @cached_property
    def _folders(self) -> ClassFolders:
        return class_folders(self._folder)

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("cue-conflict"))

    @property
    def _folder(self) -> Path:
        return self.path or self._local_data.folder

    @cached_property
    def _listing(self) -> tuple[tuple[str, ...], tuple[ListedImage, ...]]:
        """The classes and, in order, the images."""
        folders = self._folders.images
        sixteen = entry_level_classes()
        classes = tuple(sixteen if sixteen.keys() >= folders.keys() else folders)
        entries = [
            ListedImage(file, classes.index(shape), self._texture(file, classes))
            for shape, files in folders.items()
            for file in files
        ]
        return classes, tuple(entries)

    def _texture(self, file: str, classes: tuple[str, ...]) -> int | None:
        texture = texture_name(printable(file))
        if texture is None:
            return None
        if texture not in classes:
            raise DataError(
                f"{printable(self._folder / file)} names the texture {texture!r}, which is not a class"
                f"{suggestion(texture, classes)}; rename it SHAPE1-TEXTURE1 with two of {', '.join(classes)}, or "
                "SHAPE1 if there is no texture label"
            )
        return classes.index(texture)
