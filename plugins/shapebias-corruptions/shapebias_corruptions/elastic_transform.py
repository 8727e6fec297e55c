"""``c-elastic-transform``: stretched globally and locally."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.plugin import ImageRandom
from shapebias_corruptions.filters import sampled_bilinear, smooth
from shapebias_corruptions.settings import CONSTANTS, SEVERITY, Constants, PublishedConstants

__all__ = ["ElasticTransform"]

# Displacement of pixels, its smoothing, and displacement of the triangle's corners, all in pixels; 244 is from the
# released code.
_ELASTIC = PublishedConstants(
    imagenet=(
        (244 * 2.0, 244 * 0.7, 244 * 0.1),
        (244 * 2.0, 244 * 0.08, 244 * 0.2),
        (244 * 0.05, 244 * 0.01, 244 * 0.02),
        (244 * 0.07, 244 * 0.01, 244 * 0.02),
        (244 * 0.12, 244 * 0.01, 244 * 0.02),
    ),
    cifar=(
        (0.0, 0.0, 32 * 0.08),
        (32 * 0.05, 32 * 0.2, 32 * 0.07),
        (32 * 0.08, 32 * 0.06, 32 * 0.06),
        (32 * 0.1, 32 * 0.04, 32 * 0.05),
        (32 * 0.1, 32 * 0.03, 32 * 0.03),
    ),
)


@attrs.frozen
class ElasticTransform:
    """Move the corners of a triangle and the image with them, then shift each pixel by a small, smooth displacement.

    The severities are not one scale: 1 and 2 stretch the whole image, 3 to 5 distort it locally.

    Source: Hendrycks & Dietterich 2019, section 4; Simard et al. 2003, Best practices for convolutional neural
    networks, section 2.
    """

    severity: int = SEVERITY
    constants: Constants = CONSTANTS

    def __call__(self, images: Tensor, rng: ImageRandom) -> Tensor:
        """Corrupt (N, 3, H, W) images in [0, 1]."""
        distance, sigma, jitter = _ELASTIC.of(self)
        height, width = images.shape[2:]
        y, x = torch.meshgrid(
            *(torch.arange(side, device=images.device).double() for side in (height, width)), indexing="ij"
        )
        moved = jitter * (2 * rng.uniform("corners", 0, (3, 2)) - 1)
        stretched = sampled_bilinear(images, *_affine(y, x, moved), "mirror")
        if not distance:
            return stretched.clamp(0, 1)
        noise = 2 * rng.uniform("ripples", 0, (2, height, width)) - 1
        down, across = (distance * smooth(noise.double(), sigma, "reflect", reach=3)).unbind(1)
        return sampled_bilinear(stretched, y + down, x + across, "reflect").clamp(0, 1)


def _affine(y: Tensor, x: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Return the source of each pixel when three corners of a square in the middle move to (N, 3, 2), as x and y."""
    height, width = y.shape
    side = min(height, width) // 3
    corners = torch.tensor([[side, side], [side, -side], [-side, -side]]).to(y)
    corners = corners + torch.tensor([width // 2, height // 2]).to(y)
    ones = torch.ones_like(moved[..., :1], dtype=y.dtype)
    # The affine map that takes the corners from their new positions back to the old ones.
    back = torch.linalg.solve(torch.cat([corners + moved, ones], dim=2), corners.expand(len(moved), -1, -1))
    positions = torch.stack([x, y, torch.ones_like(x)], dim=2).flatten(0, 1) @ back
    from_x, from_y = positions.view(-1, height, width, 2).unbind(3)
    return from_y, from_x
