"""The images of a part after the transforms that precede the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

from shapebias.images.decoded import Batch, DecodedImages, label_tensor
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Transformed
from shapebias.rng import ImageRandom
from shapebias.runtime import guard
from shapebias.runtime.result_checks import check_images, checked_labels

__all__ = ["TransformedImages", "apply_transform"]


class TransformedImages:
    """The images of a part after the transforms that precede the model.

    Args:
        decoded: the decoded images.
        transforms: components with their loaded callables, in order.
        seed: the study's seed.
        device: where the transforms run.
        keep: keep the transformed images in memory, because several models use them.
    """

    def __init__(
        self,
        decoded: DecodedImages,
        transforms: Sequence[tuple[Component, Any]],
        seed: int,
        device: torch.device,
        *,
        keep: bool,
    ) -> None:
        self.decoded, self.transforms, self.seed, self.device = decoded, transforms, seed, device
        self._kept: dict[int, tuple[Tensor, Tensor, Tensor]] | None = {} if keep and transforms else None

    def take(self, positions: Sequence[int]) -> Batch:
        """Return the transformed images at some positions of the part."""
        kept = self._kept
        if kept is not None and all(position in kept for position in positions):
            samples = self.decoded.samples(positions)
            images, shapes, textures = zip(*(kept[position] for position in positions), strict=True)
            labels = label_tensor((sample.label for sample in samples), self.device)
            ids = [sample.id for sample in samples]
            return Batch(torch.stack(images), positions, ids, labels, torch.stack(shapes), torch.stack(textures))
        batch = self.decoded.take(positions, self.device)
        for step_index, (component, transform) in enumerate(self.transforms):
            rng = ImageRandom.for_images(self.seed, component.name, step_index, batch.ids, batch.images.device)
            batch = apply_transform(component, transform, batch, self.decoded, rng)
        if kept is not None:
            rows = zip(batch.images, batch.shape_labels, batch.texture_labels, strict=True)
            kept.update(zip(positions, rows, strict=True))
        return batch


@torch.no_grad()
def apply_transform(
    component: Component, transform: Any, batch: Batch, decoded: DecodedImages, rng: ImageRandom
) -> Batch:
    """Apply one transform to a batch and check its result.

    Raises:
        PluginError: the result has another shape, is not finite or is not in [0, 1]; or the transform changed its
            arguments or a global mode.
    """
    needs: dict[str, Any] = {}
    if "mask" in component.spec.needs:
        needs["mask"] = decoded.masks(batch.positions, batch.images.device)
    if "partner" in component.spec.needs:
        needs["partner"] = decoded.partners(batch.positions, rng, batch.images.device)
    result = guard.call(component.text, transform, batch.images, rng, **needs)
    if isinstance(result, Transformed):
        count, classes = len(batch.ids), len(decoded.dataset.classes)
        new = {"shape": result.shape, "texture": result.texture}
        labels: dict[str, Any] = {
            f"{what}_labels": checked_labels(component.text, what, given, count, classes)
            for what, given in new.items()
            if given is not None
        }
        batch = attrs.evolve(batch, **labels)
        result = result.images
    check_images(component.text, result, batch.images.shape)
    return attrs.evolve(batch, images=result.to(batch.images.dtype))
