"""``imagenet-a``: photos of ImageNet classes that a ResNet-50 got wrong."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from shapebias.datasets._published import PublishedPhotos

__all__ = ["ImageNetA"]


@attrs.frozen
class ImageNetA(PublishedPhotos):
    """7,500 unmodified photos of 200 ImageNet classes, chosen because a ResNet-50 got them wrong.

    The classes are these 200, so that a model of ImageNet chooses among them, as in the paper.

    Args:
        size, crop, interpolation: see ``folder``.

    Raises:
        DataError: at the first use: the images are missing and cannot be downloaded, or one is damaged.

    Source: Hendrycks et al. 2021, "Natural adversarial examples", section 3.

    >>> from shapebias.spelling.params import spell
    >>> spell("imagenet-a", ImageNetA(size=256), full=False)
    'imagenet-a:size=256'
    """

    source: ClassVar[str] = "imagenet-a"
    label_space: ClassVar[Literal["own", "imagenet-1k"]] = "own"
