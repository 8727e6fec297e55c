"""A cell: the unit of a result and of failure."""

from __future__ import annotations

import attrs

from shapebias.plugins.catalog import Component
from shapebias.study.condition import Condition

__all__ = ["Cell"]


@attrs.frozen
class Cell:
    """One data set, model and condition, perhaps with a saliency method and a probe: the unit of a result."""

    dataset: Component
    model: Component
    condition: Condition
    saliency: Component | None = None
    probe: Component | None = None

    @property
    def title(self) -> str:
        """The cell in words, for progress and messages."""
        parts = (self.dataset, self.model, self.condition, self.saliency, self.probe)
        return " | ".join(part.title for part in parts if part is not None)
