"""Random logit: does the map change with the class that it explains?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs
import quantus
import torch
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, ShapebiasError, param, seeded_generators
from shapebias_quantus.asking import Numbers, as_array, evaluated, relative

__all__ = ["RandomLogit"]

Similarity: TypeAlias = Literal["ssim", "spearman", "pearson"]

_SIMILARITIES: dict[Similarity, Callable[[Numbers, Numbers], Any]] = {
    "ssim": quantus.ssim,
    "spearman": lambda one, other: quantus.correlation_spearman(one.ravel(), other.ravel()),
    "pearson": lambda one, other: quantus.correlation_pearson(one.ravel(), other.ravel()),
}


@attrs.frozen
class RandomLogit:
    """Similarity of a map with the map of another class, drawn for each image.

    Lower is better: a map that is the same for every class, at 1, explains no answer.  Each map is divided by its
    largest magnitude first.  NaN where the similarity of constant maps is not defined.  It costs one more map of every
    image.

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
            raise ShapebiasError("quantus-random-logit compares with another class, and this model has only one")
        others = (targets + 1 + rng.integers("class", 0, (), high=classes - 1)) % classes

        def explain_batch(*_: object) -> Numbers:  # Quantus draws the class by the place in the batch
            return as_array(relative(explain(model, targets=others)))

        def similar(first: Numbers, second: Numbers, **_: object) -> list[float]:
            pairs = zip(first.reshape(maps.shape), second.reshape(maps.shape), strict=True)  # Quantus flattens them
            return [_SIMILARITIES[self.similarity](one, other) for one, other in pairs]

        metric: Any = quantus.RandomLogit(similarity_func=similar, num_classes=classes, disable_warnings=True)
        metric.explain_batch = explain_batch
        with seeded_generators(rng[0]):  # Quantus seeds numpy's generator for everybody
            found = evaluated(
                metric,
                model=None,
                x_batch=as_array(images),
                y_batch=targets.cpu().numpy(),
                a_batch=as_array(relative(maps)),
            )
        return {"similarity": torch.from_numpy(found).to(images)}
