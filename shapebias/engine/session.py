"""What lives as long as a run on one device: loaded components, and how many images fit into memory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import torch
from torch import nn

from shapebias.engine.device import Precision, is_out_of_memory
from shapebias.engine.guard import NetworkState, contained
from shapebias.errors import PluginError, ShapebiasError

if TYPE_CHECKING:
    from shapebias.catalog import Component
    from shapebias.study import Condition, Study

__all__ = ["Memory", "Session", "load", "naming"]

_Result = TypeVar("_Result")


@attrs.define
class Memory:
    """How many images fit into memory at once; shrinks when it runs out, and the results stay the same.

    Args:
        batch: the most images in one forward pass.
        chunk: the most images in one forward and backward pass.
    """

    batch: int
    chunk: int

    def fit(self, size: str, call: Callable[[int], _Result]) -> _Result:
        """Call with the size named ``batch`` or ``chunk``; running out of memory halves it and goes on.

        Raises:
            torch.OutOfMemoryError: not even one image fits.
        """
        while True:
            images = getattr(self, size)
            try:
                return call(images)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or images == 1:
                    raise
            # Outside the handler, so that the traceback no longer holds the tensors of the failed call.
            setattr(self, size, images // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


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
        place = device or self.device
        key = (component.kind, component.title, component.canonical, place)
        if key not in self._loaded:
            self._loaded[key] = load(component, place)
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


def load(component: Component, device: torch.device) -> Any:
    """Return what does a component's work: what its settings load on the device, or the settings themselves."""
    settings = component.settings
    if not hasattr(settings, "load"):
        return settings
    with contained(component.text):
        return settings.load(device)
