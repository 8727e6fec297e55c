"""Correlation of a map with what the output loses when pixels are taken away."""

from __future__ import annotations

import attrs
import numpy as np
import quantus
from torch import Tensor

from shapebias.plugin import Baseline, Classifier, ImageRandom, param
from shapebias_quantus.asking import ABSENT, Numbers, Output, in_step, without_pixels

__all__ = ["FaithfulnessCorrelation", "FaithfulnessEstimate", "MonotonicityCorrelation"]


@attrs.frozen
class FaithfulnessCorrelation:
    """Pearson's correlation, over random sets of pixels, of the map's sum with what the output loses without them.

    Higher is better: 1 where the map shares out the output, about 0 where it knows nothing.  NaN where all sets have
    the same sum, or the same loss.

    Source: Bhatt, Weller & Moura 2020, faithfulness; ``quantus.FaithfulnessCorrelation``.
    """

    runs: int = param("random sets of each image", default=100, ge=2)
    share: float = param("share of the pixels that are taken away together", default=0.1, gt=0, lt=1)
    baseline: Baseline = param("what stands for absent pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="log-prob")

    def __call__(
        self, model: Classifier, images: Tensor, targets: Tensor, maps: Tensor, rng: ImageRandom
    ) -> dict[str, Tensor]:
        """Return ``correlation``, (N,)."""
        subset = max(1, round(self.share * maps[0].numel()))
        metric = quantus.FaithfulnessCorrelation(
            nr_runs=self.runs, subset_size=subset, perturb_baseline=ABSENT, disable_warnings=True
        )
        found = without_pixels(
            metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective, rng=rng
        )
        return {"correlation": found}


@attrs.frozen
class FaithfulnessEstimate:
    """Pearson's correlation, over groups of pixels of falling importance, of the map's sum with the group's loss.

    Each group is taken away alone.  Higher is better.  NaN where all groups have the same sum, or the same loss.

    Source: Alvarez-Melis & Jaakkola 2018, Towards robust interpretability; ``quantus.FaithfulnessEstimate``.
    """

    steps: int = param("groups of equally many pixels, the most important first", default=32, ge=2)
    baseline: Baseline = param("what stands for absent pixels", default="mean")
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
            features_in_step=in_step(maps, self.steps), perturb_baseline=ABSENT, disable_warnings=True
        )
        found = without_pixels(metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective)
        return {"correlation": found}


@attrs.frozen
class MonotonicityCorrelation:
    """Spearman's correlation, over groups of pixels, of the map's magnitude with the squared change of the output.

    Each group, of growing magnitude, is taken away alone.  Higher is better; the direction of the change does not
    matter, so this suits maps of magnitudes.  The paper's expectation over what may stand for a pixel is the baseline.
    NaN where all groups have the same magnitude, or the same change.

    Source: Nguyen & Rodriguez Martinez 2020, monotonicity; ``quantus.MonotonicityCorrelation``.
    """

    steps: int = param("groups of equally many pixels, the least important first", default=32, ge=2)
    baseline: Baseline = param("what stands for absent pixels", default="mean")
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
            features_in_step=in_step(maps, self.steps),
            perturb_baseline=ABSENT,
            disable_warnings=True,
        )
        found = without_pixels(
            metric, model, images, targets, maps.abs(), baseline=self.baseline, objective=self.objective
        )
        return {"correlation": found}


def _spearman(a: Numbers, b: Numbers, **_: object) -> Numbers:
    """Correlate image by image: Quantus's own is NaN for a whole batch, or fails, where one image has none."""
    return np.array([quantus.correlation_spearman(one, other) for one, other in zip(a, b, strict=True)])
