"""What a process keeps while it computes a study: loaded components, and how many images fit into memory."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import nn

from shapebias.runtime import guard
from shapebias.runtime.device import Precision
from shapebias.runtime.memory import Memory
from shapebias.runtime.network_state import NetworkState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapebias.networks.labels import LabelMapping
    from shapebias.plugins.catalog import Component
    from shapebias.study import Study

__all__ = ["Session"]

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Session:
    """A study on one device; components stay loaded from part to part.

    Models stay loaded while they have at most ``model_bytes`` together, and at least the one that is used.

    Args:
        study: the study: seed, mapping, what to keep.
        device: where to compute.
        memory: how many images fit into one pass.
        precision: of predictions.
        workers: decoding threads; None takes one a core, at most 8.
        model_bytes: how much memory of the device loaded models may take; those used longest ago are forgotten first.
    """

    study: Study
    device: torch.device
    memory: Memory
    precision: Precision = "float32"
    workers: int | None = None
    model_bytes: int = 2**33
    mappings: dict[tuple[str, str], list[tuple[object, LabelMapping | None]]] = attrs.field(factory=dict, init=False)
    """How the outputs of each model, by title and canonical text, belong to the classes of data sets met so far."""
    _loaded: dict[tuple[object, ...], Any] = attrs.field(factory=dict, init=False)
    _states: dict[int, NetworkState] = attrs.field(factory=dict, init=False)

    def load(
        self, component: Component, device: torch.device | None = None, classes: Sequence[str] | None = None
    ) -> Any:
        """Load a component, once on each device.

        Args:
            component: the component.
            device: None takes that of the session; a live network may be on another.
            classes: the classes of the data set; a model that needs them is loaded once for each list of classes.
        """
        on = device or self.device
        told = tuple(classes) if classes is not None and component.spec.needs_classes else None
        key = (component.kind, component.title, component.canonical, on, told)
        loaded = self._loaded.pop(key) if key in self._loaded else _load(component, on, told)
        self._loaded[key] = loaded  # the last is the one that was used last
        if component.kind == "model":
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

    def state_of(self, network: nn.Module) -> NetworkState:
        """Return the state of a loaded network, by which it is restored after a plugin had it."""
        return self._states.setdefault(id(network), NetworkState(network))


def _bytes(module: object) -> int:
    tensors = [*module.parameters(), *module.buffers()] if isinstance(module, nn.Module) else []
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _load(component: Component, device: torch.device, classes: tuple[str, ...] | None) -> Any:
    began = time.perf_counter()
    with guard.contained_and_restored(component.text, strict=False):
        loaded = component.load(device, classes)
    if component.kind == "model":
        _log.info("loaded %s %s in %.3g s", component.kind, component.title, time.perf_counter() - began)
    return loaded
