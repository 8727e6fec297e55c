"""How much time do deletion and insertion take?  Ours against Quantus' PixelFlipping and pytorch-grad-cam's ROAD.

Random maps, black baseline.  PixelFlipping takes 24 steps, because it removes values of single channels and only
numbers that divide the pixels of one channel: every third step has removed whole pixels.  Checked first: there its
curve is that of ``deletion``, and so is ROAD's with black in place of its imputation, which solves a system of
equations for each image and step, so that few steps are taken.  Neither library has insertion.  *bare passes* are the
passes of the same number of images and nothing else: no measure with as many steps can be faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import numpy as np
import quantus
import torch
from pytorch_grad_cam.metrics.perturbation_confidence import PerturbationConfidenceMetric, RemoveMostRelevantFirst
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
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
from torch import Tensor, nn

from shapebias.engine.batch_size import usual_chunk
from shapebias.plugin import Classifier
from shapebias.probes.deletion import Deletion
from shapebias.probes.insertion import Insertion

STEPS, STEPS_OF_ROAD = 24, 4

Call: TypeAlias = Callable[[], Any]


class Probabilities(nn.Module):
    """What the peers look at."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model, self.network = model, model.module

    def forward(self, pixels: Tensor) -> Tensor:
        """Return probabilities of pixels."""
        return self.model(pixels).softmax(dim=1)


def bare(model: Classifier, images: Tensor, steps: int) -> None:
    """Take the passes of a curve."""
    copies = images.repeat_interleave(steps + 1, dim=0)
    with torch.no_grad():
        for some in copies.split(model.chunk):
            model(some)


def ours_of(model: Classifier, images: Tensor, labels: Tensor, maps: Tensor, steps: int) -> dict[str, Call]:
    """Prepare our curves and their bare passes; each curve is (N, steps + 1)."""
    deletion, insertion = (probe(steps, "zero") for probe in (Deletion, Insertion))
    return {
        "shapebias deletion": lambda: deletion(model, images, labels, maps, None)["curve"],
        "shapebias insertion": lambda: insertion(model, images, labels, maps, None)["curve"],
        "bare passes": lambda: bare(model, images, steps),
    }


def pixel_flipping(model: Classifier, images: Tensor, labels: Tensor, maps: Tensor) -> Call:
    """Prepare Quantus' curve after each step, without the one of the whole image: (N, STEPS)."""
    flipping = quantus.PixelFlipping(
        features_in_step=3 * maps[0].numel() // STEPS, perturb_baseline=0.0, normalise=False, disable_warnings=True
    )
    arrays = [each.contiguous().cpu().numpy() for each in (images, labels, maps[:, None])]
    given = dict(zip(("x_batch", "y_batch", "a_batch"), arrays, strict=True))
    network, device = Probabilities(model).eval(), str(model.device)
    return lambda: torch.tensor(flipping(network, device=device, channel_first=True, softmax=False, **given))


def road(model: Classifier, images: Tensor, labels: Tensor, maps: Tensor, imputer: Callable[..., Tensor]) -> Call:
    """Prepare ROAD's curve where some and not all pixels are removed: (N, STEPS_OF_ROAD - 1)."""
    network, pixels, ranking = Probabilities(model).eval(), maps[0].numel(), maps.cpu().numpy()
    # It keeps what is below the percentile: halfway between two pixels, so that exactly ``kept`` are.
    kept = [pixels - step * pixels // STEPS_OF_ROAD for step in range(1, STEPS_OF_ROAD)]
    removals = [RemoveMostRelevantFirst(100 * (each - 0.5) / (pixels - 1), imputer) for each in kept]
    targets = [ClassifierOutputTarget(int(label)) for label in labels]
    measures = [PerturbationConfidenceMetric(removal) for removal in removals]

    def curve() -> Tensor:
        steps = [measure(images, ranking, targets, network, return_diff=False) for measure in measures]
        return torch.from_numpy(np.stack(steps, axis=1))

    return curve


def black(image: Tensor, mask: Tensor) -> Tensor:
    """Remove pixels as ``deletion`` does."""
    return image * mask


def compare(title: str, model: Classifier, dataset: str, count: int, rounds: int) -> None:
    """Check and time one network."""
    images, labels, ids = as_batch(load_samples(dataset, count), model.device)
    side = images.shape[2]
    order = numbers("maps", ids, model.device).permutation("maps", 0, side * side)
    maps = order.view(-1, side, side) / (side * side)  # no two pixels are equally important
    calls = ours_of(model, images, labels, maps, STEPS)
    calls["Quantus PixelFlipping"] = pixel_flipping(model, images, labels, maps)
    ours, peer = calls["shapebias deletion"](), calls["Quantus PixelFlipping"]()
    torch.testing.assert_close(ours[:, 3::3].cpu(), peer[:, 2::3].float(), rtol=1e-3, atol=1e-5)
    show(f"{title}, {count} images, {STEPS} steps", take_turns(calls, rounds, model.device))

    few = images[: max(1, count // 4)], labels[: max(1, count // 4)], maps[: max(1, count // 4)]
    calls = ours_of(model, *few, STEPS_OF_ROAD)
    ours, peer = calls["shapebias deletion"](), road(model, *few, black)()
    torch.testing.assert_close(ours[:, 1:-1].cpu(), peer, rtol=1e-3, atol=1e-5)
    calls["pytorch-grad-cam ROAD"] = road(model, *few, NoisyLinearImputer())
    show(f"{title}, {len(few[0])} images, {STEPS_OF_ROAD} steps", take_turns(calls, rounds, model.device))


def main() -> None:
    """Compare on a large and a small network."""
    options = arguments(__doc__, images=8, rounds=3)
    large = load_model(MOBILENET, options.device)
    large = attrs.evolve(large, chunk=usual_chunk(224 * 224, options.device))
    small = attrs.evolve(load_model(CIFAR_NETWORKS["adversarially trained"], options.device), chunk=256)
    with warnings.catch_warnings(), large.evaluating(), small.evaluating():
        warnings.simplefilter("ignore")
        compare("MobileNetV2", large, PHOTOS, options.images, options.rounds)
        compare("two residual blocks, 32 pixels", small, CIFAR, 8 * options.images, options.rounds)


if __name__ == "__main__":
    main()
