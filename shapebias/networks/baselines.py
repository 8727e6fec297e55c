"""The images whose pixels replace removed pixels."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier

__all__ = ["Baseline", "blank"]

Baseline: TypeAlias = Literal["blur", "mean", "zero"]


def blank(model: Classifier, images: Tensor, baseline: Baseline) -> Tensor:
    """Return the images whose pixels replace removed pixels, (N, 3, H, W).

    Args:
        model: the classifier, for its mean colour.
        images: (N, 3, H, W) in [0, 1].
        baseline: ``blur`` (the images under a Gaussian of 11 x 11 pixels, standard deviation 5), ``mean`` (the model's
            mean colour, which is 0 after normalisation) or ``zero`` (black).

    >>> from torch import nn
    >>> blank(Classifier(nn.Identity(), mean=(0.5, 0.4, 0.3)), torch.rand(1, 3, 2, 2), "mean")[0, :, 0, 0]
    tensor([0.5000, 0.4000, 0.3000])
    """
    match baseline:
        case "blur":
            from torchvision.transforms.v2 import functional

            blurred: Tensor = functional.gaussian_blur(images, [11, 11], [5.0, 5.0])
            return blurred
        case "mean":
            return images.new_tensor(model.mean).view(1, 3, 1, 1).expand_as(images)
        case "zero":
            return torch.zeros_like(images)
