"""What both noises share: draws in the ball that look at no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from shapebias.attacks.adversarial_search import AdversarialSearch
from shapebias.plugins.protocols import AttackedImages
from shapebias.rng import ImageRandom

__all__ = ["add_noise"]


def add_noise(
    search: AdversarialSearch,
    draw: Callable[[ImageRandom, int, Sequence[int]], Tensor],
    rng: ImageRandom,
    eps: Sequence[float],
    samples: int,
) -> Tensor | AttackedImages:
    """Add noise of each radius, and clip to [0, 1].

    Args:
        search: takes the noisy images.
        draw: noise in the ball of radius 1, as :class:`shapebias.attacks.norms.NormBall` draws it.
        rng: of the N images.
        eps: the radii, ascending.
        samples: draws a radius.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii.
    """
    images = search.images

    def attempt(rows: Tensor, radius: float, sample: int) -> None:
        noise = draw(rng[rows], sample, images.shape[1:])
        search.end(rows, (images[rows] + radius * noise).clamp(0, 1))

    return search.over(eps, attempt, samples)
