"""Saliency maps, and the classes that they explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.engine.evaluation.batch import ModelBatch, required_labels
from shapebias.engine.evaluation.predict import compute_scores
from shapebias.errors import SpellingError
from shapebias.images.decoded import Batch
from shapebias.networks.classifier import Classifier
from shapebias.plugins.protocols import Attributed
from shapebias.runtime.result_checks import checked_maps

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component

__all__ = ["compute_maps", "explain_cell", "explain_images", "target_classes"]


def explain_cell(batch: ModelBatch, method: Component) -> dict[str, NDArray[Any]]:
    """Compute the arrays of a saliency cell."""
    attributions = compute_maps(batch, method)
    extras = batch.to_named_arrays("extras", method, [one.extras for one in attributions])
    return {"maps": batch.to_numpy([one.maps for one in attributions]), **extras}


def compute_maps(batch: ModelBatch, method: Component) -> list[Attributed]:
    """Compute the maps of each of the inputs, or return those that were already computed.

    Raises:
        ShapebiasError: the method reads a feature layer, and the model declares none.
    """
    if method.canonical not in batch.attributions:
        if method.spec.needs_features:
            batch.network.feature_layer(method.name)

        def explain(images: Batch, targets: Tensor) -> Attributed:
            return batch.in_chunks(lambda network: explain_images(batch, method, network, images, targets))

        batch.attributions[method.canonical] = list(map(explain, batch.inputs, target_classes(batch, method)))
    return batch.attributions[method.canonical]


def explain_images(
    batch: ModelBatch,
    method: Component,
    network: Classifier,
    images: Batch,
    targets: Tensor,
    rows: Tensor | None = None,
) -> Attributed:
    """Call a saliency method.

    Args:
        batch: the batch.
        method: the method.
        network: the network to explain: that of the batch, or a changed copy.
        images: the images to explain.
        targets: (N,) the class to explain for each.
        rows: their rows in the batch; None for the whole batch.
    """
    rng = batch.random(method) if rows is None else batch.random(method)[rows]
    result = batch.call(method, batch.load(method), network, images.images, targets, rng)
    count, _, height, width = images.images.shape
    return checked_maps(method.text, result, (count, height, width))


def target_classes(batch: ModelBatch, method: Component | None) -> list[Tensor]:
    """Return the class (N,) to explain for each image of each of the inputs: label, prediction, or a given class.

    Raises:
        SpellingError: the data set has no such class.
        DataError: an image has no label.
    """
    target = str(getattr(method.settings, "target", "label")) if method else "label"
    if target == "label":
        return list(map(required_labels, batch.inputs))
    if target == "prediction":
        best = [scores.cpu().numpy().argmax(axis=1) for scores in compute_scores(batch)]
        return [torch.from_numpy(classes).to(batch.network.device) for classes in best]
    classes = batch.network.mapping.classes if batch.network.mapping else ()
    if int(target) not in range(len(classes)):
        raise SpellingError(
            f"target={target} is not a class of the data set; give label, prediction, or a number from 0 to "
            f"{len(classes) - 1}"
        )
    return [torch.full_like(one.labels, int(target)) for one in batch.inputs]
