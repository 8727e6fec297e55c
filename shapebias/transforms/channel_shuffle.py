"""``channel-shuffle``: permute the colour channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from shapebias.rng import ImageRandom

__all__ = ["ChannelShuffle"]


@attrs.frozen
class ChannelShuffle:
    """Permute red, green and blue: colours become wrong; shape, texture and greys stay.

    Each image has its own permutation, uniform over all six, so that one image in six stays as it is.

    Source: Burgert et al. 2025, ImageNet-trained CNNs are not biased towards texture, section 3.

    >>> import torch
    >>> from shapebias.rng import ImageRandom
    >>> colour = torch.tensor([0.1, 0.5, 0.9]).view(1, 3, 1, 1)
    >>> shuffled = ChannelShuffle()(colour, ImageRandom.for_images(0, "channel-shuffle", 0, ["cat.png"]))
    >>> sorted(shuffled.flatten().tolist()) == colour.flatten().tolist()
    True
    """

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Permute the channels of (N, 3, H, W) images."""
        order = rng.permutation("channels", 0, images.shape[1])
        return images[order.new_tensor(range(len(images)))[:, None], order]
