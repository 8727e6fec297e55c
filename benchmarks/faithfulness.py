"""How much time do deletion and insertion take?  Ours against Quantus' PixelFlipping and pytorch-grad-cam's ROAD.

Maps from random numbers, 48 steps, black baseline.  Checked first: the curve of ``deletion`` is that of PixelFlipping
after each third step; between them PixelFlipping has removed only some channels of a pixel.  ROAD removes pixels in its
own way, so its values are others, and it takes 16 steps.  Neither library has insertion.  *bare passes* are the passes
of the same number of images and nothing else: no measure with as many steps can be faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import attrs
import numpy as np
import quantus
import torch
from pytorch_grad_cam.metrics.road import ROADMostRelevantFirst
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from side_by_side import (
    CIFAR,
    CIFAR_NETWORKS,
    MOBILENET,
    PHOTOS,
    arguments,
    as_batch,
    load_model,
    load_samples,
    numbers,
    show,
    take_turns,
)
from torch import nn

from shapebias.engine.batch_size import usual_chunk
from shapebias.plugin import Classifier
from shapebias.probes.deletion import Deletion
from shapebias.probes.insertion import Insertion

STEPS = 48


class Probabilities(nn.Module):
    """What the peers look at."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model, self.network = model, model.module

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return probabilities of pixels."""
        return self.model(pixels).softmax(dim=1)


def compare(title: str, model: Classifier, dataset: str, count: int, rounds: int) -> None:
    """Check and time one network."""
    images, labels, ids = as_batch(load_samples(dataset, count), model.device)
    maps = numbers("maps", ids, model.device).uniform("maps", 0, images.shape[2:])
    network, side = Probabilities(model).eval(), images.shape[2]
    flipping = quantus.PixelFlipping(
        features_in_step=3 * side * side // STEPS, perturb_baseline=0.0, normalise=False, disable_warnings=True
    )
    pixels, wanted, ranking = images.contiguous().cpu().numpy(), labels.cpu().numpy(), maps[:, None].cpu().numpy()
    given = {"x_batch": pixels, "y_batch": wanted, "a_batch": ranking, "channel_first": True, "softmax": False}
    deletion, insertion = (probe(STEPS, "zero") for probe in (Deletion, Insertion))
    targets = [ClassifierOutputTarget(int(label)) for label in labels]
    percentiles = np.linspace(0, 100, 18)[1:-1]
    road = [ROADMostRelevantFirst(percentile) for percentile in percentiles]

    def bare() -> None:
        copies = images.repeat_interleave(STEPS + 1, dim=0)
        with torch.no_grad():
            for some in copies.split(model.chunk):
                model(some)

    calls: dict[str, Callable[[], object]] = {
        "shapebias deletion": lambda: deletion(model, images, labels, maps, None),
        "shapebias insertion": lambda: insertion(model, images, labels, maps, None),
        "bare passes": bare,
        "Quantus PixelFlipping": lambda: flipping(model=network, device=str(model.device), **given),
        "pytorch-grad-cam ROAD, 16 steps": lambda: [each(images, ranking[:, 0], targets, network) for each in road],
    }
    with warnings.catch_warnings(), model.evaluating():
        warnings.simplefilter("ignore")
        ours = calls["shapebias deletion"]()["curve"][:, 3::3].cpu().numpy()
        np.testing.assert_allclose(ours, np.array(calls["Quantus PixelFlipping"]())[:, 2::3], rtol=1e-3, atol=1e-5)
        show(title, take_turns(calls, rounds, model.device))


def main() -> None:
    """Compare on a large and a small network."""
    options = arguments(__doc__, images=8, rounds=3)
    model = load_model(MOBILENET, options.device)
    model = attrs.evolve(model, chunk=usual_chunk(224 * 224, options.device))
    compare(f"MobileNetV2, {options.images} photos", model, PHOTOS, options.images, options.rounds)
    model = attrs.evolve(load_model(CIFAR_NETWORKS["adversarially trained"], options.device), chunk=256)
    count = 8 * options.images
    compare(f"two residual blocks, {count} images of 32 pixels", model, CIFAR, count, options.rounds)


if __name__ == "__main__":
    main()
