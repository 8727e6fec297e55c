"""``imagenet-sketch``: black and white sketches of the 1,000 ImageNet classes."""

from __future__ import annotations

from typing import ClassVar

import attrs

from shapebias.datasets._published import PublishedPhotos

__all__ = ["ImageNetSketch"]


@attrs.frozen
class ImageNetSketch(PublishedPhotos):
    """50,889 black and white sketches of the 1,000 ImageNet classes.

    Args:
        size, crop, interpolation: see ``folder``.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Wang et al. 2019, "Learning robust global representations by penalizing local predictive power", section 4.

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-sketch", ImageNetSketch(size=256), full=False)
    'imagenet-sketch:size=256'
    """

    source: ClassVar[str] = "imagenet-sketch"
