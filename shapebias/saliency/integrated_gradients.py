"""``integrated-gradients``: the gradient along the line from a baseline to the image."""

from __future__ import annotations

import attrs
import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from shapebias.networks.baselines import Baseline, blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective, Reduction, reduce_channels
from shapebias.plugins.protocols import Attributed
from shapebias.rng import ImageRandom
from shapebias.saliency._copies import chunks, gradient_of_copies, values_of_copies
from shapebias.saliency.parameters import ExplainedClass, explained_class_param, reduce_param
from shapebias.spelling.params import param

__all__ = ["IntegratedGradients"]


@attrs.frozen
class IntegratedGradients:
    """Share the difference of the objective between image x and baseline x' among the pixels.

    The attribution of a pixel is (x - x') times the mean gradient on the straight line from x' to x, the integral of
    dF/dx at x' + alpha (x - x') over alpha from 0 to 1.  It is taken by Gauss-Legendre quadrature, whose weights add up
    to 1.

    Completeness: the attributions of all pixels add up to F(x) - F(x').  How far they are off shows whether there were
    enough steps, so ``extras`` has ``completeness_error``, the sum minus that difference, and ``difference`` itself.

    Pixels that equal the baseline get 0, so with the paper's black baseline black pixels get 0.

    Raises:
        ShapebiasError: ``logit`` where the model's classes are grouped into the data set's.

    Source: Sundararajan et al. 2017, Axiomatic attribution for deep networks, equation 1 and proposition 1.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> explained = IntegratedGradients(steps=8)(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None)
    >>> explained.maps.shape, bool(explained.extras["completeness_error"].abs().max() < 1e-4)
    (torch.Size([2, 8, 8]), True)
    """

    steps: int = param("points of the line where the gradient is taken", default=50, ge=1)
    baseline: Baseline = param("image without information: black, the model's mean colour, or a blur", default="zero")
    objective: Objective = param("what is attributed, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()
    reduce: Reduction = reduce_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Attributed:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets, and the completeness error."""
        baseline = blank(model, images, self.baseline)
        # The nodes are those of [-1, 1], an interval of length 2.
        nodes, weights = (images.new_tensor(values).view(-1, 1, 1, 1) / 2 for values in leggauss(self.steps))
        mean = torch.zeros_like(images)
        for rows, steps in chunks(model, images, self.steps):
            span = slice(steps.start, steps.stop)
            line = baseline[rows, None] + (nodes[span] + 1 / 2) * (images - baseline)[rows, None]
            mean[rows] += (weights[span] * gradient_of_copies(model, line, targets[rows], self.objective)).sum(dim=1)
        attributions = (images - baseline) * mean
        ends = values_of_copies(model, torch.stack([baseline, images], dim=1), targets, self.objective)
        difference = ends[:, 1] - ends[:, 0]
        error = attributions.sum(dim=(1, 2, 3)) - difference
        return Attributed(
            reduce_channels(attributions, self.reduce), {"completeness_error": error, "difference": difference}
        )
