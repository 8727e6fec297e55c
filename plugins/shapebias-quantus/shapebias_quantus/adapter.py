"""A model in the form that Quantus needs, and calls of Quantus's ``evaluate_batch``.

Quantus's ``__call__`` normalises maps over the batch, refuses batches of constant maps, and keeps every model in a
cache.  ``evaluate_batch`` only measures, so this package calls that.
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
    "REMOVED",
    "Array",
    "MaskedInputModel",
    "Output",
    "as_array",
    "evaluate_batch",
    "measure_removal",
    "pixels_per_step",
    "scaled_to_one",
]

Array: TypeAlias = NDArray[Any]
Output: TypeAlias = Literal["probability", "log-prob", "logit", "margin"]

REMOVED: Any = 0.0  # the value of a removed pixel in a mask


@attrs.frozen(eq=False)
class MaskedInputModel:
    """A model whose input is a mask of pixels: one channel, 1 where the pixel is present and 0 where it is removed.

    A map has one number per pixel, so a pixel is removed with all its channels.

    Args:
        model: the classifier.
        images: (N, 3, H, W), with all pixels.
        absent: (N, 3, H, W), with all pixels removed.
        targets: (N,) class indices.
        objective: what is measured of the target class.
    """

    model: Classifier
    images: Tensor
    absent: Tensor
    targets: Tensor
    objective: Output

    def shape_input(self, x: Array, shape: tuple[int, ...], **_: object) -> Array:
        """Return (N, 1, H, W)."""
        return x.reshape(shape)

    def predict(self, x: Array) -> Array:
        """Return the objective, (N, 1), as the output of a single class."""
        present = torch.from_numpy(x).to(self.images)
        with torch.no_grad():
            scores = self.model(torch.lerp(self.absent, self.images, present))
            if self.objective == "probability":
                values = objective_values(self.model, scores, self.targets, "log-prob").exp()
            else:
                values = objective_values(self.model, scores, self.targets, self.objective)
        return as_array(values)[:, None]


def measure_removal(
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
    """Measure with a metric of Quantus that removes pixels.

    Args:
        metric: a metric whose ``perturb_baseline`` is ``REMOVED``.
        model: the classifier; it sees at most ``model.chunk`` images at once.
        images: (N, 3, H, W) in [0, 1].
        targets: (N,) class indices.
        maps: (N, H, W).
        baseline: what replaces removed pixels.
        objective: the measured output of the target class.
        rng: for a metric that draws from numpy's generator; each image is then measured alone, with its own seed.

    Returns:
        The result of Quantus, float (N,) or (N, K).
    """
    absent, found = blank(model, images, baseline), []
    size = model.chunk if rng is None else 1
    for rows in torch.arange(len(images), device=images.device).split(size):
        masked_model = MaskedInputModel(model, images[rows], absent[rows], targets[rows], objective)
        with contextlib.nullcontext() if rng is None else seeded_generators(rng[rows]):
            values = evaluate_batch(
                metric,
                model=masked_model,
                x_batch=np.ones((len(rows), 1, *maps.shape[1:]), dtype=np.float32),
                y_batch=np.zeros(len(rows), dtype=np.int64),
                a_batch=as_array(maps[rows])[:, None],
            )
        found.append(values)
    return torch.from_numpy(np.concatenate(found)).to(images)


def evaluate_batch(metric: Any, **arguments: Any) -> Array:
    """Call Quantus's ``evaluate_batch`` without its warnings about undefined numbers, which are NaN."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", module=r"(quantus|scipy|sklearn)\.")
        return np.asarray(metric.evaluate_batch(**arguments), dtype=np.float64)


def as_array(values: Tensor) -> Array:
    """Return a new float64 array, because Quantus writes into its arguments."""
    return values.detach().cpu().double().numpy().copy()


def scaled_to_one(maps: Tensor) -> Tensor:
    """Divide each map by its largest magnitude, for measures that depend on the scale of a map."""
    return maps / maps.abs().amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


def pixels_per_step(maps: Tensor, steps: int) -> int:
    """Return the number of pixels per step for at most ``steps`` steps; the last step may have fewer."""
    return -(-maps[0].numel() // steps)
