"""``imagenet-val:PATH``: the validation images of ImageNet-1k, which are not fetched because they need an account."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from shapebias.datasets.folder import Folder
from shapebias.errors import SpellingError
from shapebias.fetching import LocalData, local_data, published
from shapebias.images.reading import Interpolation, check_crop
from shapebias.spelling.params import param

if TYPE_CHECKING:
    from shapebias.plugins.protocols import EvalCrop, Sample

__all__ = ["ImageNetVal"]

_USUAL_SIZE, _USUAL_CROP = 224, 0.875


@attrs.frozen
class ImageNetVal:
    """The 50,000 validation images of ImageNet-1k, in one folder for each WordNet id, as torchvision sorts them.

    Each model gets the images resized and cropped as in its published evaluation, which torchvision and timm state for
    their weights.  A model without such a statement gets the usual 224 of 256 pixels, and so do previews and training;
    the caption of the results has the crop of each model.  With ``size`` all models get the same pixels.

    Their publisher requires an account, so they cannot be fetched: give the folder, or put it at ``imagenet-val`` in
    the data folder.  The data set has all 1,000 classes.

    Args:
        path: the folder of class folders; none takes the one in the data folder.
        size: side of the images; none takes each model's own crop.
        crop, interpolation, resize, squash: see ``folder``; without ``size`` they are the model's.

    Raises:
        DataError: at the first use: there is no such folder, or an image is damaged.
        SpellingError: a part of the crop without ``size``, or ``crop`` beside ``resize``.

    Source: Russakovsky et al. 2015, "ImageNet large scale visual recognition challenge".

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-val", ImageNetVal(Path("ILSVRC2012/val")), full=False)
    'imagenet-val:ILSVRC2012/val'
    """

    path: Path | None = param("the folder of class folders; none takes the one in the data folder", default=None)
    size: int | None = param("side of the images; none takes each model's own crop", default=None, ge=1, unit="pixels")
    crop: float | None = param("share of the short side that stays; none is 0.875", default=None, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")
    resize: int | None = param(
        "short side before the centre is cropped; none is size / crop", default=None, ge=1, unit="pixels"
    )
    squash: bool = param("whether to resize both sides to the size, ignoring proportions", default=False)

    def __attrs_post_init__(self) -> None:
        parts = {"crop": self.crop, "resize": self.resize, "squash": self.squash}
        given = [name for name, value in parts.items() if value]
        given += ["interpolation"] if self.interpolation != "bilinear" else []
        if self.size is None and given:
            raise SpellingError(
                f"{given[0]} without size= is that of each model; give size= too, for example size=224, or leave it out"
            )
        check_crop(self.size, self.crop or 1, self.resize)

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

    def cropped_for(self, crop: EvalCrop) -> ImageNetVal | None:
        """Return the images in the crop of a model's evaluation; None if all models get the same pixels."""
        if self.size is not None:
            return None
        interpolation = cast("Interpolation", crop.interpolation)
        return ImageNetVal(self.path, crop.size, None, interpolation, crop.resize, crop.squash)

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> Sample:
        return self._photos[index]

    @cached_property
    def _local_data(self) -> LocalData:
        return local_data(published("imagenet-val"), self.path)

    @cached_property
    def _photos(self) -> Folder:
        crop = (self.crop or _USUAL_CROP) if self.resize is None else self.crop or 1
        return Folder(
            self._local_data.folder,
            self.size or _USUAL_SIZE,
            crop,
            self.interpolation,
            label_space="imagenet-1k",
            resize=self.resize,
            squash=self.squash,
        )
