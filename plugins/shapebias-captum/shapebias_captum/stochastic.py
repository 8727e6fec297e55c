"""Gradients over random copies of an image."""

from __future__ import annotations

import attrs
import captum.attr
import torch
from torch import Tensor

from shapebias.plugin import (
    Baseline,
    Classifier,
    ExplainedClass,
    ImageRandom,
    Objective,
    Reduction,
    blank,
    explained_class_param,
    param,
    reduce_channels,
    reduce_param,
)
from shapebias_captum.adapter import ScoreModule, image_by_image

__all__ = ["GradientShap", "VarGrad"]


@attrs.frozen
class GradientShap:
    """Mean of gradient times difference, at random points between a baseline and noisy copies of the image.

    Source: Lundberg & Lee 2017; Erion et al. 2021 (expected gradients); :class:`captum.attr.GradientShap`.
    """

    samples: int = param("random points for each image", default=20, ge=1)
    spread: float = param("standard deviation of the noise", default=0.09, ge=0, unit="pixel value")
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.GradientShap(ScoreModule(model, self.objective))

        def explain(image: Tensor, wanted: Tensor) -> Tensor:
            total, base = torch.zeros_like(image), blank(model, image, self.baseline).contiguous()
            for first in range(0, self.samples, model.chunk):
                count = min(model.chunk, self.samples - first)
                total += count * method.attribute(
                    image, base, n_samples=count, stdevs=self.spread, additional_forward_args=(wanted,)
                )
            return total / self.samples

        return reduce_channels(image_by_image(images, targets, rng, explain), self.reduce)


@attrs.frozen
class VarGrad:
    """Variance of the gradient over copies of the image with Gaussian noise.

    Source: Adebayo et al. 2018, Local explanation methods, section 2; :class:`captum.attr.NoiseTunnel`.
    """

    samples: int = param("noisy copies of each image", default=50, ge=2)
    spread: float = param("standard deviation of the noise", default=0.1, gt=0, unit="pixel value")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.NoiseTunnel(captum.attr.Saliency(ScoreModule(model, self.objective)))

        def explain(image: Tensor, wanted: Tensor) -> Tensor:
            found: Tensor = method.attribute(
                image,
                nt_type="vargrad",
                nt_samples=self.samples,
                nt_samples_batch_size=min(model.chunk, self.samples),
                stdevs=self.spread,
                abs=False,
                additional_forward_args=(wanted,),
            )
            return found

        return reduce_channels(image_by_image(images, targets, rng, explain), self.reduce)
