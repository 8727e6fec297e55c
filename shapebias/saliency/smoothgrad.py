"""``smoothgrad``: the mean gradient over noisy copies of the image."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, Reduction, reduce_channels
from shapebias.rng import ImageRandom
from shapebias.saliency._copies import chunks, gradient_of_copies
from shapebias.saliency.parameters import ExplainedClass, explained_class_param, reduce_param
from shapebias.spelling.params import param

__all__ = ["SmoothGrad"]


@attrs.frozen
class SmoothGrad:
    """Average the gradient of the objective over copies of the image with Gaussian noise.

    Noise is in pixel values, and the noisy copies are not clipped, as in the paper.  A sample of an image does not
    depend on the batch or the chunk, and at most one chunk of copies is in memory.

    Raises:
        ShapebiasError: ``logit`` where the model's classes are grouped into the data set's.

    Source: Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, section 2; in its section 3 noise of 10 to
    20 % of the range of the pixels balances sharpness and structure.  ``square``: Hooker et al. 2019, A benchmark for
    interpretability methods in deep neural networks.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> rng = ImageRandom.for_images(0, "smoothgrad", 0, ["cat.png", "dog.png"])
    >>> SmoothGrad(samples=4)(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), rng).shape
    torch.Size([2, 8, 8])
    """

    samples: int = param("noisy copies of each image", default=50, ge=1)
    spread: float = param("standard deviation of the noise", default=0.15, ge=0, unit="pixel value")
    square: bool = param("average the squares of the gradients", default=False)
    objective: Objective = param(
        "what is differentiated, such as the cross-entropy of the target", default="cross-entropy"
    )
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        total = torch.zeros_like(images)
        for rows, samples in chunks(model, images, self.samples):
            noise = rng[rows].normal("noise", samples, images.shape[1:]).mul_(self.spread)
            gradient = gradient_of_copies(model, images[rows, None] + noise, targets[rows], self.objective)
            total[rows] += (gradient.square_() if self.square else gradient).sum(dim=1)
        return reduce_channels(total / self.samples, self.reduce)
