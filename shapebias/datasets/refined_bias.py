"""``refined-bias:CUE,path=FOLDER``: images with only one cue, as REFINED-BIAS publishes them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, class_folders, listing_fingerprint, same_size
from shapebias.errors import DataError
from shapebias.images.reading import fit, read_image
from shapebias.networks.labels import class_groups
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["RefinedBias"]


@attrs.frozen
class RefinedBias:
    """Images in which only the shape, or only the texture, shows the class: ten classes of each.

    Folders are named as published, ``refined_bias_shape/clock/clock_1.png`` and
    ``refined_bias_texture/zebra/4x4_zebra_0.png``.  Classes with the same name to people, such as the three clocks of
    ImageNet-1k, are one class.

    Args:
        cue: which cue the images have.
        path: the folder that has ``refined_bias_shape`` and ``refined_bias_texture``.

    Raises:
        DataError: at the first use: the folder is missing, or has other classes.

    Source: Kim et al. 2026, "On the reliability of cue conflict and beyond" (REFINED-BIAS).

    >>> RefinedBias("texture", Path("datasets")).classes[:3]
    ('brain_coral', 'broccoli', 'cheetah')
    """

    cue: Literal["shape", "texture"] = param("which cue the images have")
    path: Path = param("folder that has refined_bias_shape and refined_bias_texture")

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten classes of this cue."""
        return tuple(class_groups()[f"refined-bias-{self.cue}"])

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._folder, self._entries, self.classes)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self._entries[index]
        image = same_size(self._pixels(entry), self._first, self._folder / entry.file, "remove it")
        if self.cue == "shape":
            return Sample(image, entry.file, entry.label, shape=entry.label)
        return Sample(image, entry.file, entry.label, texture=entry.label)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._folder / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._entries[0])

    @property
    def _folder(self) -> Path:
        return self.path / f"refined_bias_{self.cue}"

    @cached_property
    def _entries(self) -> tuple[ListedImage, ...]:
        images = class_folders(self._folder).images
        if unknown := [name for name in images if name not in self.classes]:
            raise DataError(
                f"{self._folder} has folders that are not REFINED-BIAS classes: {', '.join(unknown)}; the classes of "
                f"{self.cue} are {', '.join(self.classes)}"
            )
        return tuple(ListedImage(file, self.classes.index(name)) for name, files in images.items() for file in files)
