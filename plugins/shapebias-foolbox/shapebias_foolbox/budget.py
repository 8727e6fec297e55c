"""The meaning of eps for minimum-norm attacks: a bound on the changes that count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from shapebias.plugin import AttackedImages, Classifier, Criterion, ImageRandom

__all__ = ["LARGEST_CHANGE", "LpNorm", "within"]

LpNorm: TypeAlias = Literal["linf", "l2", "l1"]
_ORDERS: dict[LpNorm, float] = {"linf": float("inf"), "l2": 2, "l1": 1}
_FARTHER = 1.001
LARGEST_CHANGE = "largest change that counts, one or several"


def within(
    eps: Sequence[float],
    norm: LpNorm,
    model: Classifier,
    images: Tensor,
    labels: Tensor,
    rng: ImageRandom,
    find: Callable[[Tensor, Tensor, ImageRandom], AttackedImages],
) -> Tensor | AttackedImages:
    """Search once for the nearest adversarial example of each image, and use it at every radius that contains it.

    An image that is misclassified already, for which none is found, or whose change is larger than the radius, is
    returned unchanged.  So robust accuracy is the share of images whose smallest change is larger than eps.

    An example may be exactly on the decision boundary, where the rounding of another batch or device decides; so each
    change is enlarged by a thousandth if that fools the model too.

    Args:
        eps: the radii, ascending.
        norm: how the size of a change is measured.
        model: the classifier.
        images: (N, 3, H, W), before the attack.
        labels: (N,) class indices.
        rng: the random numbers of the N images.
        find: takes the M images to attack, their labels and random numbers; returns the images that it found,
            (M, 3, H, W), whether they fool the model or not.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii; with the images for which a gradient was not finite, if any.
    """
    criterion, found = Criterion(model, labels), images.clone()
    failed = torch.zeros_like(labels, dtype=torch.bool)
    rows = (~criterion.is_adversarial(criterion.scores(images))).nonzero().squeeze(1)
    if len(rows):
        attacked = find(images[rows], labels[rows], rng[rows])
        found[rows], failed[rows] = attacked.images, attacked.gradient_failed
    farther = (images + _FARTHER * (found - images)).clamp(0, 1)
    found = torch.where(criterion.is_adversarial(criterion.scores(farther))[:, None, None, None], farther, found)
    size = torch.linalg.vector_norm((found - images).flatten(1), ord=_ORDERS[norm], dim=1)
    size[~criterion.is_adversarial(criterion.scores(found))] = float("inf")
    levels = [torch.where((size <= radius)[:, None, None, None], found, images) for radius in eps]
    kept = torch.stack(levels) if len(levels) > 1 else levels[0]
    return AttackedImages(kept, failed.expand(kept.shape[:-3]).clone()) if failed.any() else kept
