"""``imagenet-r``: art, cartoons, toys and other renditions of ImageNet classes."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from shapebias.datasets._published import PublishedPhotos

__all__ = ["ImageNetR"]


@attrs.frozen
class ImageNetR(PublishedPhotos):
    """30,000 renditions of 200 ImageNet classes: art, cartoons, graffiti, toys, sculptures.

    The classes are these 200, so that a model of ImageNet chooses among them, as in the paper.

    Args:
        size, crop, interpolation: see ``folder``.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Hendrycks et al. 2021, "The many faces of robustness", section 3.

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-r", ImageNetR(size=256), full=False)
    'imagenet-r:size=256'
    """

    source: ClassVar[str] = "imagenet-r"
    label_space: ClassVar[Literal["own", "imagenet-1k"]] = "own"
