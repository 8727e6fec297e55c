"""The state of a process that computes a study: loaded components, and how many images fit into memory."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import nn

from shapebias.images.decoded import DecodedImages
from shapebias.runtime import guard
from shapebias.runtime.device import Precision, explained
from shapebias.runtime.memory import Memory
from shapebias.runtime.network_state import NetworkState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapebias.images.first import FirstImage
    from shapebias.networks.labels import LabelMapping
    from shapebias.plugins.catalog import Component
    from shapebias.study import Study

__all__ = ["Session"]

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Session:
    """A study on one device; components stay loaded from part to part.

    Models stay loaded as long as they take at most ``model_bytes`` together; the current one always stays.

    Args:
        study: the study: seed, mapping, what to store.
        device: where to compute.
        memory: how many images fit into one pass.
        precision: of predictions.
        workers: decoding threads; None takes one per core, at most 8.
        model_bytes: the most memory for loaded models; the least recently used ones are released first.
    """

    study: Study
    device: torch.device
    memory: Memory
    precision: Precision = "float32"
    workers: int | None = None
    model_bytes: int = 2**33
    mappings: dict[tuple[str, str], list[tuple[object, LabelMapping | None]]] = attrs.field(factory=dict, init=False)
    """The label mappings of each model, by its title and canonical text, with the data set of each mapping."""
    _loaded: dict[tuple[object, ...], Any] = attrs.field(factory=dict, init=False)
    _states: dict[int, NetworkState] = attrs.field(factory=dict, init=False)
    _images: tuple[Component, Sequence[int], DecodedImages] | None = attrs.field(default=None, init=False)

    def load(
        self, component: Component, device: torch.device | None = None, classes: Sequence[str] | None = None
    ) -> Any:
        """Load a component, once on each device.

        Args:
            component: the component.
            device: None takes that of the session; a live network may be on another device.
            classes: the classes of the data set; a model that needs them is loaded once for each list of classes.
        """
        on = device or self.device
        needed = tuple(classes) if classes is not None and component.spec.needs_classes else None
        key = (component.kind, component.title, component.canonical, on, needed)
        is_known = key in self._loaded
        loaded = self._loaded.pop(key) if is_known else _load(component, on, needed)
        self._loaded[key] = loaded  # ordered by last use
        if component.kind == "model" and not is_known:
            self._forget_models()
        return loaded

    def _forget_models(self) -> None:
        models = [(key, loaded) for key, loaded in self._loaded.items() if key[0] == "model"]
        sizes = [_bytes(getattr(loaded, "module", None)) for _, loaded in models]
        total = sum(sizes)
        for (key, loaded), size in zip(models[:-1], sizes, strict=False):
            if total <= self.model_bytes:
                break
            total -= size
            del self._loaded[key]
            self._states.pop(id(getattr(loaded, "module", None)), None)

    def decode(self, dataset: Component, rows: Sequence[int], first: FirstImage | None) -> DecodedImages:
        """Decode the images of a part, or return those of the last call where they are the same.

        Args:
            dataset: the data set.
            rows: the rows of the images in it.
            first: the first image of the data set that can be read.
        """
        if self._images is not None and self._images[0] is dataset and self._images[1] == rows:
            return self._images[2]
        self.forget_images()  # before others are decoded: memory has room for one part
        decoded = DecodedImages(dataset.settings, rows, self.workers, first)
        self._images = (dataset, rows, decoded)
        return decoded

    def forget_images(self) -> None:
        """Stop decoding, and forget the images of the last part."""
        if self._images is not None:
            self._images[2].close()
        self._images = None

    def state_of(self, network: nn.Module) -> NetworkState:
        """Return the recorded state of a loaded network, from which it is restored after a plugin call."""
        return self._states.setdefault(id(network), NetworkState(network))


def _bytes(module: object) -> int:
    tensors = [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _load(component: Component, device: torch.device, classes: tuple[str, ...] | None) -> Any:
    began = time.perf_counter()
    with guard.contained_and_restored(component.text, strict=False), explained(component.title):
        loaded = component.load(device, classes)
    if component.kind == "model":
        _log.info("loaded %s %s in %.3g s", component.kind, component.title, time.perf_counter() - began)
    return loaded
