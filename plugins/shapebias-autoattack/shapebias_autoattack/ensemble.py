"""Run the attacks of an ensemble one after the other, each on the images without an adversarial example."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from shapebias.plugin import (
    ActiveBatch,
    AdversarialSearch,
    AttackedImages,
    Attempt,
    Classifier,
    Criterion,
    ImageRandom,
)

__all__ = ["misclassification_search", "run_in_order"]


def misclassification_search(
    model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom
) -> tuple[AdversarialSearch, Tensor]:
    """Return a search for images that are not classified as their labels, and the scores (N, C) of the images."""
    criterion = Criterion(model, labels, objective="margin")
    scores = criterion.scores(images)
    return AdversarialSearch(criterion, images, rng, scores=scores), scores


def run_in_order(
    search: AdversarialSearch, eps: Sequence[float], attempts: Sequence[Attempt]
) -> Tensor | AttackedImages:
    """Make every attempt at every radius, in ascending order.

    Args:
        search: the search for the images.
        eps: the radii, ascending.
        attempts: the attacks; each gets the images for which the earlier ones found nothing.

    Returns:
        (N, 3, H, W), or (E, N, 3, H, W) for several radii.
    """

    def attempt(batch: ActiveBatch, radius: float) -> None:
        attempts[batch.restart](batch, radius)

    return search.run(attempt, eps, restarts=len(attempts))
