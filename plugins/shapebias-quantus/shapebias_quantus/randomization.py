"""Random logit: whether a map changes with the explained class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs
import quantus
import torch
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, ShapebiasError, param, seeded_generators
from shapebias_quantus.adapter import Array, as_array, evaluate_batch, scaled_to_one

__all__ = ["RandomLogit"]

Similarity: TypeAlias = Literal["ssim", "spearman", "pearson"]

_SIMILARITIES: dict[Similarity, Callable[[Array, Array], Any]] = {
    "ssim": quantus.ssim,
    "spearman": lambda one, other: quantus.correlation_spearman(one.ravel(), other.ravel()),
    "pearson": lambda one, other: quantus.correlation_pearson(one.ravel(), other.ravel()),
}


@attrs.frozen
class RandomLogit:
    """Similarity of a map with the map of another class, drawn for each image.

    Lower is better: a similarity of 1 means that the map does not depend on the class.  Each map is first divided by
    its largest magnitude.  NaN if a map is constant and its similarity not defined.  The probe computes one more map of
    each image.

    Raises:
        ShapebiasError: the model has a single class.

    Source: Sixt, Granz & Landgraf 2020; ``quantus.RandomLogit``.
    """

    similarity: Similarity = param("structural similarity, or a correlation of the pixels", default="ssim")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
        *,
        explain: Callable[..., Tensor],
    ) -> dict[str, Tensor]:
        """Return ``similarity``, (N,)."""
        with torch.no_grad():
            classes = model(images[:1]).shape[1]
        if classes < 2:
            raise ShapebiasError("quantus-random-logit compares two classes, and this model has only one")
        others = (targets + 1 + rng.integers("class", 0, (), high=classes - 1)) % classes

        def explain_batch(*_: object) -> Array:  # Quantus draws the class by the position in the batch
            return as_array(scaled_to_one(explain(model, targets=others)))

        def similar(first: Array, second: Array, **_: object) -> list[float]:
            pairs = zip(first.reshape(maps.shape), second.reshape(maps.shape), strict=True)  # Quantus flattens them
            return [_SIMILARITIES[self.similarity](one, other) for one, other in pairs]

        metric: Any = quantus.RandomLogit(similarity_func=similar, num_classes=classes, disable_warnings=True)
        metric.explain_batch = explain_batch
        with seeded_generators(rng[0]):  # Quantus seeds numpy's global generator
            found = evaluate_batch(
                metric,
                model=None,
                x_batch=as_array(images),
                y_batch=targets.cpu().numpy(),
                a_batch=as_array(scaled_to_one(maps)),
            )
        return {"similarity": torch.from_numpy(found).to(images)}
