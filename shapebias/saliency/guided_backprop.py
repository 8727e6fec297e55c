"""``guided-backprop``: the gradient, with negative values set to zero at every ReLU in the backward pass."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.modified_relus import ModifiedReLUs
from shapebias.networks.objectives import Objective, Reduction, pixel_gradient, reduce_channels
from shapebias.rng import ImageRandom
from shapebias.saliency.parameters import ExplainedClass, explained_class_param, reduce_param
from shapebias.spelling.params import param

__all__ = ["GuidedBackprop"]


@attrs.frozen
class GuidedBackprop:
    """Pass the gradient through a ReLU only where both the ReLU's input and the incoming gradient are positive.

    The network is neither changed nor copied: calls of PyTorch's ReLU are intercepted, whether they come from a module,
    a function or a method, in place or not; ReLU6 counts too.  Other activations, ``clamp`` and TorchScript are not
    intercepted and keep their own gradient.

    A sanity check (Adebayo et al. 2018) finds that these maps hardly depend on the upper layers' weights or the target:
    they show edges that the first layers see.  Compare them with ``edge-detector``.

    Raises:
        ShapebiasError: the network has no ReLU, or ``logit`` where the model's classes are grouped into the data set's.

    Source: Springenberg et al. 2015, Striving for simplicity: the all convolutional net, section 3.4.

    >>> import torch
    >>> layers = torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5)
    >>> model = Classifier(torch.nn.Sequential(*layers))
    >>> GuidedBackprop()(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None).shape
    torch.Size([2, 8, 8])
    """

    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        with ModifiedReLUs("guided") as relus:
            gradient, _ = pixel_gradient(model, images, targets, self.objective)
        relus.require("guided-backprop", model.module)
        return reduce_channels(gradient, self.reduce)
