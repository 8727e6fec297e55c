"""The output while pixels or patches are removed in the order of a map."""

from __future__ import annotations

from typing import Literal

import attrs
import quantus
import torch
from torch import Tensor

from shapebias.plugin import Baseline, Classifier, ImageRandom, ShapebiasError, param
from shapebias_quantus.adapter import REMOVED, Output, measure_removal, pixels_per_step

__all__ = ["Infidelity", "PixelFlipping", "RegionPerturbation"]


@attrs.frozen
class PixelFlipping:
    """The output while the map's most important pixels are removed.

    Lower is better: with a faithful map the output decreases early.

    Source: Bach et al. 2015, pixel flipping; ``quantus.PixelFlipping``.
    """

    steps: int = param("number of steps; fewer if the number of pixels is not divisible", default=32, ge=2)
    baseline: Baseline = param("what replaces removed pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="probability")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``curve``, (N, steps) or fewer, the output after each step, and ``auc``, (N,), the area under it.

        The area is that of the trapezoidal rule over the steps, scaled to 1 for an output that stays at 1.
        """
        metric = quantus.PixelFlipping(
            features_in_step=pixels_per_step(maps, self.steps), perturb_baseline=REMOVED, disable_warnings=True
        )
        curve = measure_removal(metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective)
        return {"curve": curve, "auc": torch.trapezoid(curve, dim=1) / (curve.shape[1] - 1)}


@attrs.frozen
class RegionPerturbation:
    """The decrease of the output while patches are removed in the order of their sum in the map.

    With ``order=morf`` (most relevant first) the output decreases early for a faithful map: higher is better, although
    Quantus says lower.  With ``order=lerf`` (least relevant first) lower is better.

    Source: Samek et al. 2017, equation 12; ``quantus.RegionPerturbation``.
    """

    patch: int = param("side of a patch; patches at the border may be smaller", default=8, ge=1, unit="pixels")
    patches: int = param("number of patches that are removed, at most all", default=100, ge=1)
    order: Literal["morf", "lerf"] = param("most or least relevant first", default="morf")
    baseline: Baseline = param("what replaces removed pixels", default="mean")
    objective: Output = param("what is measured of the target class", default="probability")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``curve``, (N, patches) or fewer, the decrease after each patch, and ``aopc``, (N,), the area over it.

        The area is the mean of the decreases, including the 0 of the whole image.
        """
        metric = quantus.RegionPerturbation(
            patch_size=self.patch,
            regions_evaluation=self.patches,
            order=self.order,
            perturb_baseline=REMOVED,
            disable_warnings=True,
        )
        curve = measure_removal(metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective)
        return {"curve": curve, "aopc": curve.sum(dim=1) / (curve.shape[1] + 1)}


@attrs.frozen
class Infidelity:
    """Mean squared difference between the decrease of the output without some pixels and the sum of their map.

    The sets of pixels are the first patch in row-major order, the first two, and so on.  Lower is better, 0 if the
    map adds up to the output.  It is in squared units of the output, so it suits only methods whose maps add up to it:
    integrated-gradients and similar methods, with ``reduce=signed-sum`` and the same objective and baseline as here.

    Raises:
        ShapebiasError: the patches do not fill the image.

    Source: Yeh et al. 2019, definition 2.1; ``quantus.Infidelity``.
    """

    patch: int = param("side of a patch; it divides both sides of the image", default=4, ge=1, unit="pixels")
    baseline: Baseline = param("what replaces removed pixels", default="zero")
    objective: Output = param("what is measured of the target class", default="log-prob")

    def __call__(
        self,
        model: Classifier,
        images: Tensor,
        targets: Tensor,
        maps: Tensor,
        rng: ImageRandom,
    ) -> dict[str, Tensor]:
        """Return ``infidelity``, (N,)."""
        height, width = maps.shape[1:]
        if height % self.patch or width % self.patch:
            raise ShapebiasError(
                f"quantus-infidelity: patches of {self.patch} pixels do not fill an image of {height} x {width}; "
                "give patch a divisor of both sides"
            )
        metric = quantus.Infidelity(
            perturb_patch_sizes=[self.patch], n_perturb_samples=1, perturb_baseline=REMOVED, disable_warnings=True
        )
        found = measure_removal(metric, model, images, targets, maps, baseline=self.baseline, objective=self.objective)
        return {"infidelity": found}
