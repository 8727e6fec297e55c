"""The model as Quantus asks it, and Quantus's computation of a batch without what surrounds it.

Quantus's ``__call__`` normalises maps over the batch, refuses batches of constant maps, and keeps every model that it
has seen in a cache for ever.  So its ``evaluate_batch`` is called here, which does the measuring.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.plugin import Baseline, Classifier, ImageRandom, blank, objective_values, seeded_generators

__all__ = [
    "ABSENT",
    "Numbers",
    "Output",
    "Present",
    "as_array",
    "evaluated",
    "in_step",
    "relative",
    "without_pixels",
]

Numbers: TypeAlias = NDArray[Any]
Output: TypeAlias = Literal["probability", "log-prob", "logit", "margin"]

ABSENT: Any = 0.0  # in a picture of one channel that says which pixels are there


@attrs.frozen(eq=False)
class Present:
    """A model of which pixels are there: to Quantus, a picture of one channel, 1 where a pixel is and 0 where not.

    A map has one number a pixel, so what is taken away is a pixel with all its channels, not one of its channels.

    Args:
        model: the classifier.
        images: (N, 3, H, W), all pixels there.
        absent: (N, 3, H, W), no pixel there.
        targets: (N,) class indices.
        objective: what is measured of the target class.
    """

    model: Classifier
    images: Tensor
    absent: Tensor
    targets: Tensor
    objective: Output

    def shape_input(self, x: Numbers, shape: tuple[int, ...], **_: object) -> Numbers:
        """Return (N, 1, H, W)."""
        return x.reshape(shape)

    def predict(self, x: Numbers) -> Numbers:
        """Return the objective, (N, 1): as if there were one class."""
        present = torch.from_numpy(x).to(self.images)
        with torch.no_grad():
            scores = self.model(torch.lerp(self.absent, self.images, present))
            if self.objective == "probability":
                values = objective_values(self.model, scores, self.targets, "log-prob").exp()
            else:
                values = objective_values(self.model, scores, self.targets, self.objective)
        return as_array(values)[:, None]


def without_pixels(
    metric: Any,
    model: Classifier,
    images: Tensor,
    targets: Tensor,
    maps: Tensor,
    *,
    baseline: Baseline,
    objective: Output,
    rng: ImageRandom | None = None,
) -> Tensor:
    """Measure with a metric of Quantus that takes pixels away.

    Args:
        metric: its ``perturb_baseline`` is ``ABSENT``.
        model: the classifier; it sees at most ``model.chunk`` images at once.
        images: (N, 3, H, W) in [0, 1].
        targets: (N,) class indices.
        maps: (N, H, W).
        baseline: what stands for absent pixels.
        objective: what is measured of the target class.
        rng: for a metric that draws from numpy's generator: then each image is measured alone, from its own seed.

    Returns:
        What Quantus returns, float (N,) or (N, K).
    """
    absent, found = blank(model, images, baseline), []
    size = model.chunk if rng is None else 1
    for rows in torch.arange(len(images), device=images.device).split(size):
        asked = Present(model, images[rows], absent[rows], targets[rows], objective)
        with contextlib.nullcontext() if rng is None else seeded_generators(rng[rows]):
            values = evaluated(
                metric,
                model=asked,
                x_batch=np.ones((len(rows), 1, *maps.shape[1:]), dtype=np.float32),
                y_batch=np.zeros(len(rows), dtype=np.int64),
                a_batch=as_array(maps[rows])[:, None],
            )
        found.append(values)
    return torch.from_numpy(np.concatenate(found)).to(images)


def evaluated(metric: Any, **arguments: Any) -> Numbers:
    """Call Quantus's computation of a batch; it warns of each number that is not defined, which is NaN."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", module=r"(quantus|scipy|sklearn)\.")
        return np.asarray(metric.evaluate_batch(**arguments), dtype=np.float64)


def as_array(values: Tensor) -> Numbers:
    """Return a new float64 array: Quantus writes into what it is given."""
    return values.detach().cpu().double().numpy().copy()


def relative(maps: Tensor) -> Tensor:
    """Divide each map by its largest magnitude, where a number would depend on the map's scale."""
    return maps / maps.abs().amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


def in_step(maps: Tensor, steps: int) -> int:
    """Return how many pixels go in one step, so that there are at most so many; the last may have fewer."""
    return -(-maps[0].numel() // steps)
