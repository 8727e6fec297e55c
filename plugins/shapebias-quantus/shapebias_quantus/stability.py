"""How much a map changes when noise is added to the image."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import quantus
import torch
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, param
from shapebias_quantus.adapter import Array, as_array, evaluate_batch, scaled_to_one

__all__ = ["AvgSensitivity", "LocalLipschitz", "MaxSensitivity"]


def measure_under_noise(
    metric: Any,
    model: Classifier,
    images: Tensor,
    maps: Tensor,
    explain: Callable[..., Tensor],
    noise: Callable[[int], Tensor],
) -> Tensor:
    """Measure with a metric of Quantus that explains noisy copies of the images.

    Args:
        metric: it calls ``perturb_func`` once for each noisy copy of all images.
        model: the classifier.
        images: (N, 3, H, W) in [0, 1]; noisy copies are clipped to that.
        maps: (N, H, W).
        explain: computes the maps of other images.
        noise: returns the noise of a copy, (N, 3, H, W), by its number.

    Returns:
        (N,), NaN if the measure is not defined.
    """
    copies = itertools.count()

    def perturb(arr: Array, **_: object) -> Array:
        noisy = (images + noise(next(copies))).clamp(0, 1)
        return noisy.cpu().numpy().reshape(arr.shape)

    def explain_batch(_model: object, x_batch: Array, _y_batch: object) -> Array:
        return as_array(explain(model, images=torch.from_numpy(x_batch).to(images)))[:, None]

    metric.perturb_func = perturb
    metric.explain_batch = explain_batch  # Quantus's own refuses constant maps
    found = evaluate_batch(
        metric,
        model=None,
        x_batch=images.cpu().numpy(),
        y_batch=np.zeros(len(images), dtype=np.int64),
        a_batch=as_array(maps)[:, None],
    )
    return torch.from_numpy(np.where(np.isfinite(found), found, np.nan)).to(images)


def uniform_noise(rng: ImageRandom, radius: float, images: Tensor) -> Callable[[int], Tensor]:
    """Return the noise of Yeh et al.: uniform in [-radius, radius], independent in each channel of each pixel."""
    return lambda copy: radius * (2 * rng.uniform("noise", copy, images.shape[1:]) - 1)


@attrs.frozen
class MaxSensitivity:
    """Largest change of the map under noise, relative to the map: Euclidean norms.

    Lower is more stable.  A map that does not depend on the image, like the control ``random``, has 0.  NaN where the
    map is 0 everywhere.  It computes ``samples`` more maps of each image.

    Source: Yeh et al. 2019, definition 3.1; ``quantus.MaxSensitivity``.
    """

    samples: int = param("noisy copies of each image", default=10, ge=1)
    radius: float = param("the noise is uniform between minus and plus this", default=0.02, gt=0, unit="pixel value")

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
        """Return ``sensitivity``, (N,)."""
        metric = quantus.MaxSensitivity(nr_samples=self.samples, disable_warnings=True)
        noise = uniform_noise(rng, self.radius, images)
        return {"sensitivity": measure_under_noise(metric, model, images, maps, explain, noise)}


@attrs.frozen
class AvgSensitivity:
    """Mean change of the map under noise, relative to the map: Euclidean norms.

    Lower is more stable.  A map that does not depend on the image, like the control ``random``, has 0.  NaN where the
    map is 0 everywhere.  It computes ``samples`` more maps of each image.

    Source: Yeh et al. 2019; Bhatt, Weller & Moura 2020; ``quantus.AvgSensitivity``.
    """

    samples: int = param("noisy copies of each image", default=10, ge=1)
    radius: float = param("the noise is uniform between minus and plus this", default=0.02, gt=0, unit="pixel value")

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
        """Return ``sensitivity``, (N,)."""
        metric = quantus.AvgSensitivity(nr_samples=self.samples, disable_warnings=True)
        noise = uniform_noise(rng, self.radius, images)
        return {"sensitivity": measure_under_noise(metric, model, images, maps, explain, noise)}


@attrs.frozen
class LocalLipschitz:
    """Largest ratio of the change of the map to the change of the image, near the image: Euclidean norms.

    Each map is first divided by its largest magnitude, to make methods comparable.  Lower is more stable.  It computes
    ``samples`` more maps of each image.

    Source: Alvarez-Melis & Jaakkola 2018, On the robustness of interpretability methods;
    ``quantus.LocalLipschitzEstimate``.
    """

    samples: int = param("noisy copies of each image", default=10, ge=1)
    spread: float = param("standard deviation of the Gaussian noise", default=0.02, gt=0, unit="pixel value")

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
        """Return ``lipschitz``, (N,)."""

        def noise(copy: int) -> Tensor:
            return self.spread * rng.normal("noise", copy, images.shape[1:])

        def explain_relative(model: Classifier, *, images: Tensor) -> Tensor:
            return scaled_to_one(explain(model, images=images))

        metric = quantus.LocalLipschitzEstimate(nr_samples=self.samples, disable_warnings=True)
        return {"lipschitz": measure_under_noise(metric, model, images, scaled_to_one(maps), explain_relative, noise)}
