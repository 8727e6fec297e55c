"""What a process keeps while it computes a study: loaded components, and how many images fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import nn

from shapebias.runtime.device import Precision
from shapebias.runtime.memory import Memory
from shapebias.runtime.network_state import NetworkState

if TYPE_CHECKING:
    from shapebias.networks.labels import LabelMapping
    from shapebias.plugins.catalog import Component
    from shapebias.study import Study

__all__ = ["Session"]


@attrs.define(eq=False)
class Session:
    """A study on one device; components stay loaded from part to part.

    Args:
        study: the study: seed, mapping, what to keep.
        device: where to compute.
        memory: how many images fit into one pass.
        precision: of predictions.
        workers: decoding threads; None takes one a core, at most 8.
    """

    study: Study
    device: torch.device
    memory: Memory
    precision: Precision = "float32"
    workers: int | None = None
    mappings: dict[tuple[str, str], list[tuple[object, LabelMapping | None]]] = attrs.field(factory=dict, init=False)
    """How the outputs of each model, by title and canonical text, belong to the classes of data sets met so far."""
    _loaded: dict[tuple[object, ...], Any] = attrs.field(factory=dict, init=False)
    _states: dict[int, NetworkState] = attrs.field(factory=dict, init=False)

    def load(self, component: Component, device: torch.device | None = None) -> Any:
        """Load a component, once on each device.

        Args:
            component: the component.
            device: None takes that of the session; a live network may be on another.
        """
        on = device or self.device
        key = (component.kind, component.title, component.canonical, on)
        if key not in self._loaded:
            self._loaded[key] = component.load(on)
        return self._loaded[key]

    def state_of(self, network: nn.Module) -> NetworkState:
        """Return the state of a loaded network, by which it is restored after a plugin had it."""
        return self._states.setdefault(id(network), NetworkState(network))
