"""Fourier heat map: how often noise of one spatial frequency makes the model wrong."""

from __future__ import annotations

import math

import attrs
import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.rng import ImageRandom
from shapebias.spelling.params import param

__all__ = ["FourierHeatmap"]


@attrs.frozen
class FourierHeatmap:
    """Add a wave of each frequency to the image, and test whether the target is still the answer.

    Yin et al. 2019, "A Fourier perspective on model robustness in computer vision", section 3: the wave is the same in
    all channels except for its sign, which is drawn for each image, wave and channel; the result is clipped to [0, 1].
    It costs one forward pass per wave: (2 radius + 1)^2 / 2 of them.

    Args:
        radius: the highest number of cycles per image, down and across.
        strength: root mean square of a wave; the paper's norm of 4 on CIFAR-10 is 0.125.

    >>> colours = Classifier(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    >>> rng = ImageRandom.for_images(seed=0, plugin="fourier-heatmap", step_index=0, ids=["cat.png", "dog.png"])
    >>> probe = FourierHeatmap(radius=2)
    >>> probe(colours, torch.rand(2, 3, 8, 8), torch.tensor([0, 1]), None, rng)["wrong"].shape
    torch.Size([2, 5, 5])
    """

    radius: int = param("highest frequency, down and across", default=4, ge=0, unit="cycles per image")
    strength: float = param("root mean square of a wave", default=0.1, ge=0, unit="pixel value")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: None,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``wrong``, (N, 2 radius + 1, 2 radius + 1): 1 where noise of (down, across) cycles makes it wrong.

        Both run from -radius to radius; (-down, -across) is the same wave as (down, across).
        """
        side, reach = 2 * self.radius + 1, self.radius
        wrong = images.new_zeros(len(images), side, side)
        for down in range(reach + 1):
            for across in range(-reach if down else 0, reach + 1):
                wave = self.strength * _wave(images, down, across)
                index = (reach + down) * side + reach + across
                signs = 2.0 * rng.integers("signs", index, (images.shape[1], 1, 1), high=2) - 1
                noisy = (images + signs * wave).clamp(0, 1)
                with torch.no_grad():
                    answers = torch.cat([model(some).argmax(dim=1) for some in noisy.split(model.chunk)])
                for one, other in ((down, across), (-down, -across)):
                    wrong[:, reach + one, reach + other] = (answers != targets).to(wrong.dtype)
        return {"wrong": wrong}


def _wave(images: Tensor, down: int, across: int) -> Tensor:
    """Return a plane wave of root mean square 1, (H, W)."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) * (down / height)
    columns = torch.arange(width, device=images.device) * (across / width)
    wave = torch.cos(2 * math.pi * (rows[:, None] + columns))
    return wave / wave.square().mean().sqrt()
