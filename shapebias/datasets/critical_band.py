"""``critical-band``: the published grey photographs with noise of one octave."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, listing_fingerprint, same_size
from shapebias.errors import DataError, listed
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import fit, images_below, read_image
from shapebias.networks.labels import entry_level_classes
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["CriticalBand"]

_NAME = re.compile(r"\d+_cbm_noise[\d.]+_freq\d_gray_g_(\w+)")
_SHOWN = 10


@attrs.frozen
class CriticalBand:
    """Photographs in grey, of low contrast, with Gaussian noise of one strength in one octave of spatial frequencies.

    The name of a file states all this: ``17_cbm_noise0.08_freq4_gray_g_dog.JPEG`` is a dog under noise of standard
    deviation 0.08 in band 4, centred on 1.75 2^4 cycles per image.  Files may be at any depth below the folder.
    Classes are the 16 entry-level ones.  The metric ``critical-band`` reads strength and band from the ids, which are
    the files' paths.

    Args:
        path: the folder; none takes the published ones.

    Raises:
        DataError: at the first use: the folder is missing and cannot be downloaded, has no images, or has images with
            other names.

    Source: Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.

    >>> from shapebias.spelling.params import spell
    >>> spell("critical-band", CriticalBand(Path("stimuli")), full=False)
    'critical-band:stimuli'
    """

    path: Path | None = param("the folder of the stimuli; none takes the published ones", default=None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The 16 entry-level classes."""
        return tuple(entry_level_classes())

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the listed files: stored results are valid while it stays the same."""
        return listing_fingerprint(self._folder, self._listing, self.classes)

    @property
    def note(self) -> str | None:
        """Which part of the published set is on disk; None if all of it is, or if it is a folder of your own."""
        return None if self._local_data is None else self._local_data.note

    def __len__(self) -> int:
        return len(self._listing)

    def __getitem__(self, index: int) -> Sample:
        entry = self._listing[index]
        image = same_size(self._pixels(entry), self._first, self._folder / entry.file, "remove it")
        return Sample(image, entry.file, entry.label)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self._folder / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._listing[0])

    @cached_property
    def _local_data(self) -> LocalData | None:
        return None if self.path is not None else local_data(published("critical-band"))

    @property
    def _folder(self) -> Path:
        local = self._local_data
        return local.folder if local is not None else self.path or Path()

    @cached_property
    def _listing(self) -> tuple[ListedImage, ...]:
        folder = self._folder
        files = images_below(folder) if folder.is_dir() else []
        if not files:
            raise DataError(f"{folder} has no images; give the folder of the critical-band stimuli")
        names = {file: _NAME.fullmatch(PurePosixPath(file).stem) for file in files}
        labels = {file: self.classes.index(name[1]) for file, name in names.items() if name and name[1] in self.classes}
        if unknown := [file for file in files if file not in labels]:
            raise DataError(
                listed(
                    f"{folder} has images whose names are not N_cbm_noiseSD_freqBAND_gray_g_CATEGORY with one of "
                    f"the 16 entry-level classes; remove them:",
                    unknown[:_SHOWN],
                )
            )
        return tuple(ListedImage(file, label) for file, label in labels.items())
