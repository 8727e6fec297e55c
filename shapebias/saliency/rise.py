"""``rise``: the objective under many random masks, averaged for each pixel over the masks that leave it visible."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from shapebias.networks.baselines import Baseline, blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective
from shapebias.rng import ImageRandom
from shapebias.saliency._copies import chunks, values_of_copies
from shapebias.saliency.parameters import ExplainedClass, explained_class_param
from shapebias.spelling.params import param

__all__ = ["Rise"]


@attrs.frozen
class Rise:
    """Estimate the expected objective where a pixel is visible, from random smooth masks.

    A mask is a grid of cells that are 1 with probability ``keep``, made larger bilinearly and shifted by a random part
    of a cell.  The map is sum_i F(x M_i) M_i / sum_i M_i, every image with its own masks.  Only outputs of the network
    are used, no gradients.

    The paper divides by the expected sum of the masks; the actual sum has the same limit and no noise from the constant
    part of F, which is large for a log-probability.

    Raises:
        ShapebiasError: ``logit`` where the model's classes are grouped into the data set's.

    Source: Petsiuk, Das & Saenko 2018, RISE: randomized input sampling for explanation of black-box models, equations
    4 and 6, and section 3.2 for the masks.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> rng = ImageRandom.for_images(0, "rise", 0, ["cat.png", "dog.png"])
    >>> Rise(samples=50)(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), rng).shape
    torch.Size([2, 8, 8])
    """

    samples: int = param("masks of each image", default=1000, ge=1)
    cells: int = param("cells along a side of the mask", default=7, ge=1)
    keep: float = param("probability that a cell stays visible", default=0.5, gt=0, lt=1)
    baseline: Baseline = param("what hides masked pixels: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is averaged, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        hidden = blank(model, images, self.baseline)
        total, visible = torch.zeros_like(images[:, 0]), torch.zeros_like(images[:, 0])
        mean = images.new_zeros(len(images), 1, 1)
        for rows, samples in chunks(model, images, self.samples):
            masks = self._masks(rng[rows], samples, images)
            copies = torch.lerp(hidden[rows, None], images[rows, None], masks[:, :, None])
            values = values_of_copies(model, copies, targets[rows], self.objective).to(masks)[:, :, None, None]
            total[rows] += (values * masks).sum(dim=1)
            visible[rows] += masks.sum(dim=1)
            mean[rows] += values.sum(dim=1) / self.samples
        return torch.where(visible > 0, total / visible, mean)  # a pixel that no mask leaves visible gets the mean

    def _masks(self, rng: ImageRandom, samples: range, images: Tensor) -> Tensor:
        """Draw masks (N, K, H, W) in [0, 1]: grids, times matrices that enlarge and crop them."""
        grids = (rng.uniform("cells", samples, (self.cells, self.cells)) < self.keep).to(images)
        down, across = (_enlarging(self.cells, side, images) for side in images.shape[2:])
        tops = rng.integers("top", samples, (), len(down))
        lefts = rng.integers("left", samples, (), len(across))
        return down[tops] @ grids @ across[lefts].mT


def _enlarging(cells: int, side: int, like: Tensor) -> Tensor:
    """Return (S, side, cells) matrices: bilinear enlargement by ``side / cells``, one for each shift within a cell."""
    cell = -(-side // cells)
    steps = torch.eye(cells, dtype=like.dtype, device=like.device)[None]
    matrix = functional.interpolate(steps, size=(cells + 1) * cell, mode="linear", align_corners=False)[0]
    return matrix.unfold(1, side, 1)[:, : cell + 1].permute(1, 2, 0)
