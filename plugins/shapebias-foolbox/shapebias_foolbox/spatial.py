"""Rotations and shifts of the image."""

from __future__ import annotations

import warnings

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.plugin import Classifier, ImageRandom, param
from shapebias_foolbox.adapter import attacks, run

__all__ = ["Spatial"]


@attrs.frozen
class Spatial:
    """Try a grid of rotations and shifts, the largest first, and keep the first of them that fools the model.

    Pixels from outside the image are black.  There is no eps; the largest rotation and shift set the strength.

    Source: Engstrom et al. 2019, Exploring the landscape of spatial robustness, section 3;
    :class:`foolbox.attacks.SpatialAttack`.
    """

    max_rotation: float = param("largest rotation", default=30, ge=0, lt=180, unit="degrees", formerly=("rotation",))
    max_shift: float = param("largest shift in each direction", default=3, ge=0, unit="pixels", formerly=("shift",))
    rotations: int = param("number of rotations in the grid", default=5, ge=1)
    shifts: int = param("number of shifts in the grid in each direction", default=5, ge=1)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in [0, 1]."""
        method = attacks.SpatialAttack(
            max_rotation=self.max_rotation,
            max_translation=self.max_shift,
            num_rotations=self.rotations,
            num_translations=self.shifts,
        )
        height, width = images.shape[2:]
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        # Foolbox rotates coordinates that run from -1 to 1 on both axes, which shears images that are not square.
        square = functional.pad(images, (left, side - width - left, top, side - height - top))

        def crop(pixels: Tensor) -> Tensor:
            return pixels[..., top : top + height, left : left + width]

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.meshgrid")  # Foolbox calls it in a deprecated way
            pairs = zip(square.split(model.chunk), labels.split(model.chunk), strict=True)
            found = [run(method, lambda pixels: model(crop(pixels)), some, their).images for some, their in pairs]
        return crop(torch.cat(found))
