"""How far a map changes when the picture changes a little: the same method explains noisy copies."""

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
from shapebias_quantus.asking import Numbers, as_array, evaluated, relative

__all__ = ["AvgSensitivity", "LocalLipschitz", "MaxSensitivity"]


def under_noise(
    metric: Any,
    model: Classifier,
    images: Tensor,
    maps: Tensor,
    explain: Callable[..., Tensor],
    noise: Callable[[int], Tensor],
) -> Tensor:
    """Measure with a metric of Quantus that explains noisy copies.

    Args:
        metric: asks for one noisy copy of all images after the other.
        model: the classifier.
        images: (N, 3, H, W) in [0, 1]; noisy copies are clipped to that.
        maps: (N, H, W).
        explain: draws the maps of other images.
        noise: returns that of a copy, (N, 3, H, W), by its number.

    Returns:
        (N,), NaN where the measure is not defined.
    """
    copies = itertools.count()

    def perturb(arr: Numbers, **_: object) -> Numbers:
        noisy = (images + noise(next(copies))).clamp(0, 1)
        return noisy.cpu().numpy().reshape(arr.shape)

    def explain_batch(_model: object, x_batch: Numbers, _y_batch: object) -> Numbers:
        return as_array(explain(model, images=torch.from_numpy(x_batch).to(images)))[:, None]

    metric.perturb_func = perturb
    metric.explain_batch = explain_batch  # Quantus's own refuses constant maps
    found = evaluated(
        metric,
        model=None,
        x_batch=images.cpu().numpy(),
        y_batch=np.zeros(len(images), dtype=np.int64),
        a_batch=as_array(maps)[:, None],
    )
    return torch.from_numpy(np.where(np.isfinite(found), found, np.nan)).to(images)


def uniform_noise(rng: ImageRandom, radius: float, images: Tensor) -> Callable[[int], Tensor]:
    """Return the noise of Yeh et al.: uniform in [-radius, radius], every channel of every pixel on its own."""
    return lambda copy: radius * (2 * rng.uniform("noise", copy, images.shape[1:]) - 1)


@attrs.frozen
class MaxSensitivity:
    """Largest change of the map under noise, relative to the map: Euclidean norms.

    Lower is steadier.  A map that does not look at the picture, like the control ``random``, has 0.  NaN where the map
    is 0 everywhere.  It costs ``samples`` more maps of every image.

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
        return {"sensitivity": under_noise(metric, model, images, maps, explain, noise)}


@attrs.frozen
class AvgSensitivity:
    """Mean change of the map under noise, relative to the map: Euclidean norms.

    Lower is steadier.  A map that does not look at the picture, like the control ``random``, has 0.  NaN where the map
    is 0 everywhere.  It costs ``samples`` more maps of every image.

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
        return {"sensitivity": under_noise(metric, model, images, maps, explain, noise)}


@attrs.frozen
class LocalLipschitz:
    """Largest change of the map over the change of the picture, near the picture: Euclidean norms.

    Each map is divided by its largest magnitude first, so that methods compare.  Lower is steadier.  It costs
    ``samples`` more maps of every image.

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
            return relative(explain(model, images=images))

        metric = quantus.LocalLipschitzEstimate(nr_samples=self.samples, disable_warnings=True)
        return {"lipschitz": under_noise(metric, model, images, relative(maps), explain_relative, noise)}
