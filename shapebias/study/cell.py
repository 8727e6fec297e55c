"""A cell: the unit of results and of failures."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from shapebias.plugins.catalog import Component
from shapebias.study.condition import Condition

__all__ = ["Cell", "CellKind"]

CellKind: TypeAlias = Literal["prediction", "saliency", "probe"]


@attrs.frozen
class Cell:
    """One data set, model and condition, perhaps with a saliency method or a probe: the unit of results.

    Args:
        dataset, model: the components.
        condition: the condition.
        saliency: the saliency method, None for predictions and for probes that need no maps.
        probe: the probe, None for predictions and saliency maps.
    """

    dataset: Component
    model: Component
    condition: Condition
    saliency: Component | None = None
    probe: Component | None = None

    @property
    def kind(self) -> CellKind:
        """The kind of the results: predictions, saliency maps, or what a probe measures."""
        if self.probe is not None:
            return "probe"
        return "prediction" if self.saliency is None else "saliency"

    @property
    def title(self) -> str:
        """The titles of its components, for progress and messages."""
        parts = (self.dataset, self.model, self.condition, self.saliency, self.probe)
        return " | ".join(part.title for part in parts if part is not None)

    @property
    def texts(self) -> tuple[str | None, ...]:
        """The canonical texts of the five components; None for those that it does not have."""
        parts = (self.dataset, self.model, self.condition, self.saliency, self.probe)
        return tuple(None if part is None else part.canonical for part in parts)
