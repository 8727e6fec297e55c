"""``critical-band:PATH``: grey photographs with noise of one octave, as they are published."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.datasets._images import ListedImage, listing_fingerprint, same_size
from shapebias.errors import DataError, listed
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

    The name of a file states all of it: ``17_cbm_noise0.08_freq4_gray_g_dog.JPEG`` is a dog under noise of standard
    deviation 0.08 in band 4, centred on 1.75 2^4 cycles per image.  Files may be at any depth below the folder.
    Classes are the 16 entry-level ones.  The metric ``critical-band`` reads strength and band from the ids, which are
    the files' paths.

    Args:
        path: the folder.

    Raises:
        DataError: at the first use: the folder is missing, or has no images or others than these.

    Source: Subramanian et al. 2023, "Spatial-frequency channels, shape bias, and adversarial robustness", section 3.

    >>> from shapebias.spelling.params import spell
    >>> spell("critical-band", CriticalBand(Path("stimuli")), full=False)
    'critical-band:stimuli'
    """

    path: Path = param("the folder of the stimuli")

    @property
    def classes(self) -> tuple[str, ...]:
        """The 16 entry-level classes."""
        return tuple(entry_level_classes())

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the listed files: what decides whether stored results still hold."""
        return listing_fingerprint(self.path, self._listing, self.classes)

    def __len__(self) -> int:
        return len(self._listing)

    def __getitem__(self, index: int) -> Sample:
        entry = self._listing[index]
        image = same_size(self._pixels(entry), self._first, self.path / entry.file, "take it out")
        return Sample(image, entry.file, entry.label)

    def _pixels(self, entry: ListedImage) -> NDArray[np.uint8]:
        return fit(read_image(self.path / entry.file))

    @cached_property
    def _first(self) -> NDArray[np.uint8]:
        return self._pixels(self._listing[0])

    @cached_property
    def _listing(self) -> tuple[ListedImage, ...]:
        files = images_below(self.path) if self.path.is_dir() else []
        if not files:
            raise DataError(f"{self.path} has no images; give the folder of the critical-band stimuli")
        names = {file: _NAME.fullmatch(PurePosixPath(file).stem) for file in files}
        labels = {file: self.classes.index(name[1]) for file, name in names.items() if name and name[1] in self.classes}
        if strangers := [file for file in files if file not in labels]:
            raise DataError(
                listed(
                    f"{self.path} has images whose names are not N_cbm_noiseSD_freqBAND_gray_g_CATEGORY with one of "
                    f"the 16 entry-level classes; take them out:",
                    strangers[:_SHOWN],
                )
            )
        return tuple(ListedImage(file, label) for file, label in labels.items())
