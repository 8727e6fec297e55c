"""Shuffling channels."""

from __future__ import annotations

from collections import Counter

import torch

from shapebias.rng import ImageRandom
from shapebias.transforms.channel_shuffle import ChannelShuffle


def rng(count):
    return ImageRandom.for_images(0, "channel-shuffle", 0, list(map(str, range(count))))


def test_whole_channels_change_places():
    images = torch.rand(20, 3, 4, 5)
    for before, after in zip(images, ChannelShuffle()(images, rng(20)), strict=True):
        assert Counter(str(channel.tolist()) for channel in before) == Counter(
            str(channel.tolist()) for channel in after
        )


def test_the_six_orders_are_equally_likely():
    images = torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1).expand(1200, 3, 1, 1)
    counts = Counter(map(tuple, ChannelShuffle()(images, rng(1200)).flatten(1).int().tolist()))
    assert len(counts) == 6
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 20.5  # 0.1 % quantile, 5 degrees of freedom
