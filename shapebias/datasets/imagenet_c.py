"""``imagenet-c:CORRUPTION``: the validation images of ImageNet under 19 corruptions at five severities."""

from __future__ import annotations

from functools import cached_property

import attrs

from shapebias.datasets._published import Corruption
from shapebias.datasets.folder import Folder
from shapebias.fetching import LocalData, local_data, published
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["ImageNetC"]

_ARCHIVES: dict[str, tuple[Corruption, ...]] = {
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "digital": ("contrast", "elastic_transform", "jpeg_compression", "pixelate"),
    "extra": ("gaussian_blur", "saturate", "spatter", "speckle_noise"),
    "noise": ("gaussian_noise", "impulse_noise", "shot_noise"),
    "weather": ("brightness", "fog", "frost", "snow"),
}
_ARCHIVE_OF = {corruption: archive for archive, corruptions in _ARCHIVES.items() for corruption in corruptions}


@attrs.frozen
class ImageNetC:
    """The 50,000 validation images of ImageNet under one corruption at one severity, 224 pixels as published.

    The five archives are fetched separately: ``imagenet-c:noise`` has the three kinds of noise.

    Args:
        corruption: the name of the corruption.
        severity: 1 is the weakest.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Hendrycks & Dietterich 2019, "Benchmarking neural network robustness to common corruptions and
    perturbations", section 4.

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-c", ImageNetC("gaussian_noise", severity=5), full=False)
    'imagenet-c:gaussian_noise,severity=5'
    """

    corruption: Corruption = param("which corruption")
    severity: int = param("strength; 1 is the weakest", default=3, ge=1, le=5)

    @property
    def classes(self) -> tuple[str, ...]:
        """The WordNet ids of the 1,000 classes."""
        return self._photos.classes

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return self._photos.fingerprint

    @property
    def note(self) -> str | None:
        """Which part of the archive is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Sample:
        return self._photos[index]

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published(f"imagenet-c:{_ARCHIVE_OF[self.corruption]}"))

    @cached_property
    def _photos(self) -> Folder:
        return Folder(self._local_data.folder / self.corruption / str(self.severity), label_space="imagenet-1k")
