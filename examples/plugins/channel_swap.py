"""A one-file plugin with one transform: ``shapebias --plugins-dir examples/plugins run ... -t channel-swap``."""

from __future__ import annotations

import attrs
from torch import Tensor

import shapebias as sb


@attrs.frozen
class ChannelSwap:
    """Exchange the colour channels of each image at random: shape and texture stay, colour goes."""

    def __call__(self, images: Tensor, rng: sb.ImageRandom) -> Tensor:
        """Permute the channels of (N, 3, H, W) images; the order belongs to the image."""
        order = rng.permutation("channels", 0, 3).view(-1, 3, 1, 1)
        return images.gather(1, order.expand_as(images))


@sb.hookimpl
def shapebias_transforms() -> list[sb.TransformSpec]:
    """Hand the transform over."""
    return [sb.TransformSpec("channel-swap", ChannelSwap, summary="exchange the colour channels", destroys="colour")]
