"""``input-x-gradient``: each pixel times the gradient there."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, Reduction, pixel_gradient, reduce_channels
from shapebias.rng import ImageRandom
from shapebias.saliency.parameters import ExplainedClass, explained_class_param, reduce_param
from shapebias.spelling.params import param

__all__ = ["InputXGradient"]


@attrs.frozen
class InputXGradient:
    """Multiply each pixel by the gradient of the objective there: x dF/dx.

    To first order that is the decrease of the objective when the pixel becomes black, so black pixels get 0.  Where the
    objective is linear in the pixels the attributions add up to F(image) - F(black image).

    Raises:
        ShapebiasError: ``logit`` where the model's classes are grouped into the data set's.

    Source: Shrikumar et al. 2016, Not just a black box, section 2.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> InputXGradient()(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None).shape
    torch.Size([2, 8, 8])
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        gradient, _ = pixel_gradient(model, images, targets, self.objective)
        return reduce_channels(images * gradient, self.reduce)
