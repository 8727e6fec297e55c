"""Correlation of a map with the decrease of the output when pixels are removed."""

from __future__ import annotations

import attrs
import numpy as np
import quantus
from torch import Tensor

from shapebias.plugin import Baseline, Classifier, ImageRandom, param
from shapebias_quantus.adapter import REMOVED, Array, Output, measure_removal, pixels_per_step

__all__ = ["FaithfulnessCorrelation", "FaithfulnessEstimate", "MonotonicityCorrelation"]


@attrs.frozen
class FaithfulnessCorrelation:
    """Pearson's correlation, over random sets of pixels, of the map's sum with the decrease of the output.

    Higher is better: 1 if the map adds up to the output, about 0 for a map without information.  NaN if all sets have
    the same sum or the same decrease.

    Source: Bhatt, Weller & Moura 2020, faithfulness; ``quantus.FaithfulnessCorrelation``.
    """

    runs: int = param("random sets of each image", default=100, ge=2)
    share: float = param("share of the pixels that are removed together", default=0.1, gt=0, lt=1)
    baseline: Baseline = param("what replaces removed pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="log-prob")

    def __call__(
        self, model: Classifier, images: Tensor, targets: Tensor, maps: Tensor, rng: ImageRandom
    ) -> dict[str, Tensor]:
        """Return ``correlation``, (N,)."""
        subset = max(1, round(self.share * maps[0].numel()))
        metric = quantus.FaithfulnessCorrelation(
            nr_runs=self.runs, subset_size=subset, perturb_baseline=REMOVED, disable_warnings=True
        )
        found = measure_removal(
            metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective, rng=rng
        )
        return {"correlation": found}


@attrs.frozen
class FaithfulnessEstimate:
    """Pearson's correlation, over groups of pixels in the map's order, of the map's sum with the output's decrease.

    Each group is removed alone.  Higher is better.  NaN if all groups have the same sum or the same decrease.

    Source: Alvarez-Melis & Jaakkola 2018, Towards robust interpretability; ``quantus.FaithfulnessEstimate``.
    """

    steps: int = param("groups of equally many pixels, the most important first", default=32, ge=2)
    baseline: Baseline = param("what replaces removed pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="log-prob")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``correlation``, (N,)."""
        metric = quantus.FaithfulnessEstimate(
            features_in_step=pixels_per_step(maps, self.steps), perturb_baseline=REMOVED, disable_warnings=True
        )
        found = measure_removal(metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective)
        return {"correlation": found}


@attrs.frozen
class MonotonicityCorrelation:
    """Spearman's correlation, over groups of pixels, of the map's magnitude with the squared change of the output.

    Each group, of growing magnitude, is removed alone.  Higher is better.  The direction of the change does not matter,
    so this suits maps of magnitudes.  The baseline replaces the paper's expectation over the values of a pixel.  NaN
    if all groups have the same magnitude or the same change.

    Source: Nguyen & Rodriguez Martinez 2020, monotonicity; ``quantus.MonotonicityCorrelation``.
    """

    steps: int = param("groups of equally many pixels, the least important first", default=32, ge=2)
    baseline: Baseline = param("what replaces removed pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="log-prob")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``correlation``, (N,)."""
        metric = quantus.MonotonicityCorrelation(
            similarity_func=_spearman,
            nr_samples=1,
            features_in_step=pixels_per_step(maps, self.steps),
            perturb_baseline=REMOVED,
            disable_warnings=True,
        )
        found = measure_removal(
            metric, model, images, targets, maps.abs(), baseline=self.baseline, objective=self.objective
        )
        return {"correlation": found}


def _spearman(a: Array, b: Array, **_: object) -> Array:
    """Correlate image by image: for a batch, Quantus's function is NaN or fails if it is undefined for one image."""
    return np.array([quantus.correlation_spearman(one, other) for one, other in zip(a, b, strict=True)])
