"""What lives as long as a run on one device: loaded components, and how many images fit into memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import nn

from shapebias.errors import PluginError, ShapebiasError
from shapebias.runtime.device import Precision
from shapebias.runtime.guard import NetworkState
from shapebias.runtime.loading import load
from shapebias.runtime.memory import Memory

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component
    from shapebias.study import Condition, Study

__all__ = ["Session", "naming"]


@attrs.define(eq=False)
class Session:
    """A study on one device; models stay loaded from part to part.

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
    _loaded: dict[tuple[object, ...], Any] = attrs.field(factory=dict, init=False)
    _states: dict[int, NetworkState] = attrs.field(factory=dict, init=False)

    def load(self, component: Component, device: torch.device | None = None) -> Any:
        """Load what a component stands for, once on each device.

        Args:
            component: the component.
            device: where; None is the study's device, a live network may be on another.
        """
        on = device or self.device
        key = (component.kind, component.title, component.canonical, on)
        if key not in self._loaded:
            self._loaded[key] = load(component, on)
        return self._loaded[key]

    def state_of(self, network: nn.Module) -> NetworkState:
        """Return what is known of a loaded network, to guard it while plugins have it."""
        return self._states.setdefault(id(network), NetworkState(network))


@contextlib.contextmanager
def naming(condition: Condition) -> Iterator[None]:
    """Say which condition it is whose plugin fails.

    Raises:
        PluginError: a plugin raises what it likes; errors of shapebias pass as they are.
    """
    try:
        yield
    except ShapebiasError:
        raise
    except Exception as error:
        raise PluginError(f"{condition.title} fails: {type(error).__name__}: {error}") from error
