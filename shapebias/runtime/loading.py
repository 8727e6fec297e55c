"""Load what a component names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from shapebias.runtime.guard import contained

if TYPE_CHECKING:
    from shapebias.plugins.catalog import Component

__all__ = ["load"]


def load(component: Component, device: torch.device) -> Any:
    """Return what does a component's work: what its settings load on the device, or the settings themselves."""
    settings = component.settings
    if not hasattr(settings, "load"):
        return settings
    with contained(component.text):
        return settings.load(device)
