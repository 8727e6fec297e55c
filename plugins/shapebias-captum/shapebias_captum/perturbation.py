"""Black-box methods: the cells of a grid are replaced, and only the outputs of the network are used."""

from __future__ import annotations

import functools
from collections.abc import Callable

import attrs
import captum.attr
import torch
from captum._utils.models.linear_model import SkLearnLasso
from torch import Tensor

from shapebias.plugin import (
    Baseline,
    Classifier,
    ExplainedClass,
    ImageRandom,
    Objective,
    blank,
    explained_class_param,
    param,
)
from shapebias_captum.adapter import ScoreModule, image_by_image

__all__ = ["FeatureAblation", "KernelShap", "Lime", "ShapleySampling"]


def grid(images: Tensor, cells: int) -> Tensor:
    """Number the cells of a grid, (1, 1, H, W); sides that are not divisible have cells of two sizes.

    >>> grid(torch.zeros(1, 3, 2, 4), 2)[0, 0].tolist()
    [[0, 0, 1, 1], [2, 2, 3, 3]]
    """
    height, width = images.shape[2:]
    rows, columns = min(cells, height), min(cells, width)
    down = torch.arange(height, device=images.device) * rows // height
    across = torch.arange(width, device=images.device) * columns // width
    return (down[:, None] * columns + across)[None, None]


def attribute_cells(
    model: Classifier,
    images: Tensor,
    targets: Tensor,
    rng: ImageRandom,
    baseline: Baseline,
    cells: int,
    attribute: Callable[..., Tensor],
) -> Tensor:
    """Explain image by image; all pixels of a cell have the cell's value."""

    @torch.no_grad()
    def explain(image: Tensor, wanted: Tensor) -> Tensor:
        found = attribute(
            image.detach(),
            baselines=blank(model, image.detach(), baseline).contiguous(),
            additional_forward_args=(wanted,),
            feature_mask=grid(image, cells),
            perturbations_per_eval=model.chunk,
        )
        return found.mean(dim=1)

    return image_by_image(images, targets, rng, explain)


@attrs.frozen
class FeatureAblation:
    """The decrease of the objective when a cell is replaced.

    Source: :class:`captum.attr.FeatureAblation`.
    """

    cells: int = param("cells along a side", default=7, ge=1)
    baseline: Baseline = param("what replaces a cell: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.FeatureAblation(ScoreModule(model, self.objective))
        return attribute_cells(model, images, targets, rng, self.baseline, self.cells, method.attribute)


@attrs.frozen
class ShapleySampling:
    """Mean change of the objective when a cell is added to the previous ones, over random orders of all cells.

    Source: Castro et al. 2009; Strumbelj & Kononenko 2010; :class:`captum.attr.ShapleyValueSampling`.
    """

    samples: int = param("random orders of each image", default=10, ge=1)
    cells: int = param("cells along a side", default=7, ge=1)
    baseline: Baseline = param("what replaces a cell: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is attributed, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.ShapleyValueSampling(ScoreModule(model, self.objective))
        attribute = functools.partial(method.attribute, n_samples=self.samples)
        return attribute_cells(model, images, targets, rng, self.baseline, self.cells, attribute)


@attrs.frozen
class KernelShap:
    """Shapley values of the cells, by a regression weighted with the Shapley kernel.

    Source: Lundberg & Lee 2017, section 4.1; :class:`captum.attr.KernelShap`.
    """

    samples: int = param("random sets of cells of each image", default=500, ge=2)
    cells: int = param("cells along a side", default=7, ge=2)
    baseline: Baseline = param("what replaces a cell: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is attributed, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.KernelShap(ScoreModule(model, self.objective))
        attribute = functools.partial(method.attribute, n_samples=self.samples)
        return attribute_cells(model, images, targets, rng, self.baseline, self.cells, attribute)


@attrs.frozen
class Lime:
    """Coefficients of a sparse linear model of which cells are present, fitted near the whole image.

    Source: Ribeiro et al. 2016, section 3; :class:`captum.attr.Lime` with its default similarity.
    """

    samples: int = param("random sets of cells of each image", default=500, ge=2)
    alpha: float = param("strength of the Lasso penalty, which drives coefficients to 0", default=0.001, ge=0)
    cells: int = param("cells along a side", default=7, ge=1)
    baseline: Baseline = param("what replaces a cell: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is modelled, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W)."""
        method = captum.attr.Lime(ScoreModule(model, self.objective), SkLearnLasso(alpha=self.alpha))
        attribute = functools.partial(method.attribute, n_samples=self.samples)
        return attribute_cells(model, images, targets, rng, self.baseline, self.cells, attribute)
