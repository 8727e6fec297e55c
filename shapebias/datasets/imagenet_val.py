"""``imagenet-val:PATH``: the validation images of ImageNet-1k, which are not fetched because they need an account."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import attrs

from shapebias.datasets.folder import Folder
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import Interpolation
from shapebias.plugins.protocols import Sample
from shapebias.spelling.params import param

__all__ = ["ImageNetVal"]


@attrs.frozen
class ImageNetVal:
    """The 50,000 validation images of ImageNet-1k, in one folder for each WordNet id, as torchvision sorts them.

    Their publisher requires an account, so they cannot be fetched: give the folder, or put it at ``imagenet-val`` in
    the data folder.  The data set has all 1,000 classes.

    Args:
        path: the folder of class folders; none takes the one in the data folder.
        size, crop, interpolation: see ``folder``.

    Raises:
        DataError: at the first use: there is no such folder, or an image is damaged.

    Source: Russakovsky et al. 2015, "ImageNet large scale visual recognition challenge".

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-val", ImageNetVal(Path("ILSVRC2012/val")), full=False)
    'imagenet-val:ILSVRC2012/val'
    """

    path: Path | None = param("the folder of class folders; none takes the one in the data folder", default=None)
    size: int = param("side of the images", default=224, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays", default=0.875, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")

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
        """Which part of the set is on disk; None if all of it is."""
        return self._local_data.note

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Sample:
        return self._photos[index]

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("imagenet-val"), self.path)

    @cached_property
    def _photos(self) -> Folder:
        return Folder(self._local_data.folder, self.size, self.crop, self.interpolation, label_space="imagenet-1k")
