"""``gradient``: the gradient of the objective with respect to the pixels."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, Reduction, pixel_gradient, reduce_channels
from shapebias.rng import ImageRandom
from shapebias.saliency.parameters import ExplainedClass, explained_class_param, reduce_param
from shapebias.spelling.params import param

__all__ = ["Gradient"]


@attrs.frozen
class Gradient:
    """Differentiate the objective with respect to each pixel: how fast would the answer change with that pixel?

    Simonyan et al. explain the class score by the largest magnitude over the channels: ``objective=logit,reduce=max``.

    Raises:
        ShapebiasError: ``logit`` where the model's classes are grouped into the data set's.

    Source: Simonyan et al. 2014, Deep inside convolutional networks, section 3.

    >>> import torch
    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> Gradient()(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None).shape
    torch.Size([2, 8, 8])
    """

    objective: Objective = param(
        "what is differentiated, such as the cross-entropy of the target", default="cross-entropy"
    )
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        gradient, _ = pixel_gradient(model, images, targets, self.objective)
        return reduce_channels(gradient, self.reduce)
