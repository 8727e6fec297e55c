"""A one-file plugin with one transform: ``shapebias --plugins-dir examples/plugins run ... -t channel-swap``."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias import plugin


@attrs.frozen
class ChannelSwap:
    """Exchange the colour channels of each image at random: shape and texture stay, colour goes."""

    def __call__(self, images: Tensor, rng: plugin.ImageRandom) -> Tensor:
        """Permute the channels of (N, 3, H, W) images; the order depends only on the image."""
        order = rng.permutation("channels", 0, 3).view(-1, 3, 1, 1)
        return images.gather(1, order.expand_as(images))


@plugin.hookimpl
def shapebias_transforms() -> list[plugin.TransformSpec]:
    """Return the transform."""
    return [
        plugin.TransformSpec("channel-swap", ChannelSwap, summary="exchange the colour channels", destroys="colour")
    ]
