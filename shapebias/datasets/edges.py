"""``edges``: the contours of objects, as published beside the cue-conflict stimuli."""

from __future__ import annotations

from functools import cached_property

import attrs

from shapebias.datasets.cue_conflict import CueConflict
from shapebias.fetching import LocalData, local_data, published
from shapebias.plugins.protocols import Sample

__all__ = ["Edges"]


@attrs.frozen
class Edges:
    """The 160 published contours of objects, ten of each of the 16 entry-level classes, 224 pixels.

    For your own folder of such images use ``cue-conflict:PATH``.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Geirhos et al. 2019, "ImageNet-trained CNNs are biased towards texture", section 2.

    >>> Edges()
    Edges()
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The 16 entry-level classes."""
        return self._pictures.classes

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and labels of the files: stored results are valid while it stays the same."""
        return self._pictures.fingerprint

    @property
    def note(self) -> str | None:
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Sample:
        return self._pictures[index]

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("edges"))

    @cached_property
    def _pictures(self) -> CueConflict:
        return CueConflict(self._local_data.folder)
