"""Measurements that need the model, and perhaps a saliency method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import torch
from numpy.typing import NDArray
from torch import Tensor

from shapebias.engine.evaluation.batch import ModelBatch
from shapebias.engine.evaluation.explain import compute_maps, explain_images, target_classes
from shapebias.errors import PluginError
from shapebias.images.decoded import Batch
from shapebias.networks.classifier import Classifier
from shapebias.runtime.device import on_float64_device
from shapebias.runtime.result_checks import checked_arrays, has_map

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component

__all__ = ["probe_cell"]


def probe_cell(batch: ModelBatch, probe: Component, method: Component | None) -> dict[str, NDArray[Any]]:
    """Compute the arrays of a probe cell; return none for a batch in which no image has a map."""
    maps = [one.maps for one in compute_maps(batch, method)] if method else [None] * len(batch.inputs)
    targets = target_classes(batch, method)
    measured = [
        _measure(batch, probe, method, images, classes, maps_of_images)
        for images, classes, maps_of_images in zip(batch.inputs, targets, maps, strict=True)
    ]
    known = next((values for values in measured if values is not None), None)
    if known is None:
        return {}
    unknown = {
        name: torch.full_like(tensor, torch.nan, dtype=torch.float64, device="cpu") for name, tensor in known.items()
    }
    return batch.to_named_arrays("values", probe, [unknown if values is None else values for values in measured])


def _measure(
    batch: ModelBatch, probe: Component, method: Component | None, images: Batch, targets: Tensor, maps: Tensor | None
) -> dict[str, Tensor] | None:
    """Measure the images that have a map, and set the others to NaN; return None if no image has one."""
    rng, count = batch.random(probe), len(images.ids)
    rows = torch.arange(count, device=images.images.device) if maps is None else has_map(maps).nonzero().squeeze(1)
    if len(rows) == 0:
        return None
    if len(rows) < count and maps is not None:
        images, targets, maps, rng = images.some(rows.tolist()), targets[rows], maps[rows], rng[rows]
    run, needs = batch.load(probe), _needs(batch, probe, method, images, targets, rows)

    def measure(network: Classifier, pixels: Tensor, *arguments: Any) -> Mapping[str, Tensor]:
        result: Mapping[str, Tensor] = run(network, pixels, *arguments, **needs)
        return result

    result = batch.in_chunks(lambda network: batch.call(probe, measure, network, images.images, targets, maps, rng))
    values = checked_arrays(probe.text, result, len(rows))
    if not values:
        raise PluginError(f"{probe.text} returned no array; it must return a mapping from names to tensors")
    if len(rows) == count:
        return values
    return {name: _with_nan_rows(tensor, rows, count) for name, tensor in values.items()}


def _needs(
    batch: ModelBatch, probe: Component, method: Component | None, measured: Batch, targets: Tensor, rows: Tensor
) -> dict[str, Any]:
    """Return the keyword arguments of a probe: ``explain`` if its spec has ``needs_method``."""
    if method is None or not probe.spec.needs_method:
        return {}

    def explain(network: Classifier, *, images: Tensor = measured.images, targets: Tensor = targets) -> Tensor:
        return explain_images(batch, method, network, attrs.evolve(measured, images=images), targets, rows).maps

    return {"explain": explain}


def _with_nan_rows(tensor: Tensor, rows: Tensor, count: int) -> Tensor:
    """Write the rows of a tensor to ``rows`` of a longer one with ``count`` rows, whose others are NaN."""
    numbers = tensor if tensor.is_floating_point() else on_float64_device(tensor).double()
    longer = numbers.new_full((count, *tensor.shape[1:]), torch.nan)
    longer[rows.to(numbers.device)] = numbers
    return longer
