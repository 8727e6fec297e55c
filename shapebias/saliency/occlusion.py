"""``occlusion``: how much the objective drops when a window of the image is covered."""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

from shapebias.errors import ShapebiasError
from shapebias.networks.baselines import Baseline, blank
from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import Objective
from shapebias.rng import ImageRandom
from shapebias.saliency._copies import chunks, values_of_copies
from shapebias.saliency.parameters import ExplainedClass, explained_class_param
from shapebias.spelling.params import param

__all__ = ["Occlusion"]


@attrs.frozen
class Occlusion:
    """Slide a square window of the baseline over the image, and measure how far the objective drops.

    A pixel gets the mean drop over the windows that cover it.  Windows begin at multiples of the stride, and the last
    of a row or column is cut off at the border, so that every pixel is covered.

    Raises:
        ShapebiasError: one window would cover the whole image, the stride leaves gaps, or ``logit`` where the model's
            classes are grouped into the data set's.

    Source: Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2.

    >>> model = Classifier(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4)))
    >>> Occlusion(window=4)(model, torch.rand(2, 3, 8, 8), torch.tensor([3, 1]), None).shape
    torch.Size([2, 8, 8])
    """

    window: int | None = param(
        "side of the window; none is an eighth of the image's shorter side", default=None, ge=1, unit="pixels"
    )
    stride: int | None = param("step of the window; none is half its side", default=None, ge=1, unit="pixels")
    baseline: Baseline = param("what covers the window: black, the model's mean colour, or a blur", default="mean")
    objective: Objective = param("what is explained, such as the log-probability of the target", default="log-prob")
    target: ExplainedClass = explained_class_param()

    def __call__(self, model: Classifier, images: Tensor, targets: Tensor, rng: ImageRandom) -> Tensor:
        """Return maps (N, H, W) of (N, 3, H, W) images in [0, 1] for (N,) targets."""
        rows, columns = self._windows(images)
        count = len(rows) * len(columns)
        cover = blank(model, images, self.baseline)
        whole = values_of_copies(model, images[:, None], targets, self.objective)
        falls = whole.repeat(1, count)
        for some, positions in chunks(model, images, count):
            position = torch.arange(positions.start, positions.stop, device=images.device)
            covered = rows[position // len(columns), :, None] & columns[position % len(columns), None, :]
            copies = torch.where(covered[:, None], cover[some, None], images[some, None])
            falls[some, positions.start : positions.stop] -= values_of_copies(
                model, copies, targets[some], self.objective
            )
        rows, columns = rows.to(falls), columns.to(falls)
        total: Tensor = rows.T @ falls.unflatten(1, (len(rows), -1)) @ columns
        return total / torch.outer(rows.sum(dim=0), columns.sum(dim=0))

    def _windows(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Tell which rows and which columns of the image each window covers: (R, H) and (K, W) bool."""
        height, width = images.shape[2:]
        window = self.window or max(min(height, width) // 8, 1)
        stride = self.stride or max(window // 2, 1)
        if window >= max(height, width) or stride > window:
            raise ShapebiasError(
                f"occlusion: window={window},stride={stride} covers images of {height} x {width} pixels "
                f"{'all at once' if stride <= window else 'with gaps'}; take a smaller "
                f"{'window' if stride <= window else 'stride'}"
            )
        rows, columns = (_covered(side, window, stride).to(images.device) for side in (height, width))
        return rows, columns


def _covered(side: int, window: int, stride: int) -> Tensor:
    starts = torch.arange(0, max(side - window, 0) + stride, stride)[:, None]
    positions = torch.arange(side)
    return (starts <= positions) & (positions < starts + window)
