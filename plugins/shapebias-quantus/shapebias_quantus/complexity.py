"""How many pixels a map uses; the model is not evaluated."""

from __future__ import annotations

from typing import Any

import attrs
import quantus
import torch
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, param
from shapebias_quantus.adapter import as_array, evaluate_batch, scaled_to_one

__all__ = ["Complexity", "EffectiveComplexity", "Sparseness"]


def measure_magnitudes(metric: Any, maps: Tensor) -> Tensor:
    """Measure the magnitudes of maps, each relative to its largest one, (N,)."""
    magnitudes = as_array(scaled_to_one(maps).abs())
    return torch.from_numpy(evaluate_batch(metric, x_batch=magnitudes, a_batch=magnitudes)).to(maps)


@attrs.frozen
class Sparseness:
    """Gini index of a map's magnitudes: 0 if all pixels are equal, nearly 1 if all magnitude is in one pixel.

    Higher is sparser.  A map that is 0 everywhere has 0.

    Source: Chalasani et al. 2020, section 4; ``quantus.Sparseness``.
    """

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``gini``, (N,)."""
        return {"gini": measure_magnitudes(quantus.Sparseness(disable_warnings=True), maps)}


@attrs.frozen
class Complexity:
    """Entropy, in nats, of each pixel's share of a map's magnitude.

    Lower is simpler: 0 if all magnitude is in one pixel, log(H W) if all pixels are equal.  NaN for a map that is 0
    everywhere.

    Source: Bhatt, Weller & Moura 2020, complexity; ``quantus.Complexity``.
    """

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``entropy``, (N,)."""
        return {"entropy": measure_magnitudes(quantus.Complexity(disable_warnings=True), maps)}


@attrs.frozen
class EffectiveComplexity:
    """Number of pixels whose magnitude is above a threshold.

    Lower is simpler.

    Source: Nguyen & Rodriguez Martinez 2020, effective complexity; ``quantus.EffectiveComplexity``.
    """

    threshold: float = param("smallest share of the map's largest magnitude that counts", default=0.05, ge=0, lt=1)

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``pixels``, (N,)."""
        return {
            "pixels": measure_magnitudes(quantus.EffectiveComplexity(eps=self.threshold, disable_warnings=True), maps)
        }
