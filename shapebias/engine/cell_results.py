"""Collect the arrays of one cell, batch by batch, into a part for the store."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.engine.evaluation import ModelBatch, evaluate_cell
from shapebias.engine.plan import Task
from shapebias.errors import PluginError
from shapebias.store import Part

__all__ = ["CellResults", "Layout", "failed_part"]

Layout: TypeAlias = dict[str, tuple[int, ...]]
"""The shape of one image's entry in each array of a cell."""


@attrs.define(eq=False)
class CellResults:
    """The results of one task; computing stops after an error.

    Args:
        task: the task.
        layout: the layout of the cell's arrays; the first batch of its first part sets it, and all others must match.
    """

    task: Task
    layout: Layout
    rows: list[int] = attrs.field(factory=list)
    error: str = ""
    seconds: float = 0.0
    _batches: list[tuple[int, dict[str, NDArray[Any]]]] = attrs.field(factory=list, init=False)
    _arrays: dict[str, NDArray[Any]] = attrs.field(factory=dict, init=False)

    def add(self, batch: ModelBatch, part_rows: Sequence[int]) -> None:
        """Compute the cell for one more batch.

        Args:
            batch: the batch.
            part_rows: the row in the data set of each image of the part, by position.
        """
        if self.error:
            return
        self.rows += [part_rows[position] for position in batch.positions]
        try:
            arrays = evaluate_cell(batch, self.task.cell)
            self._check(arrays, len(batch))
            self._batches.append((len(batch), arrays))
        except Exception:  # noqa: BLE001 - an error fails only this cell
            self.error = traceback.format_exc()

    def _check(self, arrays: Mapping[str, NDArray[Any]], count: int) -> None:
        """Refuse arrays that cannot be joined with those of earlier batches."""
        if not arrays:  # no image of the batch could be measured
            return
        for name, array in arrays.items():
            if len(array) != count:
                raise PluginError(f"{name} has {len(array)} entries for {count} images")
        layout = {name: array.shape[1:] for name, array in arrays.items()}
        if not self.layout:
            self.layout.update(layout)
        if layout != self.layout:
            raise PluginError(
                f"{self.task.cell.title}: a batch has the arrays {_described(layout)}, an earlier one "
                f"{_described(self.layout)}; names and shapes must not depend on the batch"
            )

    def finish(self) -> None:
        """Join the batches."""
        if self.error or not self.rows:
            return
        try:
            self._arrays = self._joined()
        except Exception:  # noqa: BLE001 - an error fails only this cell
            self.error = traceback.format_exc()

    def _joined(self) -> dict[str, NDArray[Any]]:
        known = [arrays for _, arrays in self._batches if arrays]
        maps = [arrays["maps"] for arrays in known if "maps" in arrays]
        if not known or (maps and all(np.isnan(piece[..., 0, 0]).all() for piece in maps)):
            raise PluginError(
                f"{self.task.cell.title}: the maps of all images are NaN, infinite or beyond 1.7e38; "
                "check the method and the model's gradients"
            )
        return {
            name: np.concatenate(
                [arrays[name] if arrays else np.full((count, *shape), np.nan) for count, arrays in self._batches]
            )
            for name, shape in self.layout.items()
        }

    def part(self, attributes: Mapping[str, Any]) -> Part:
        """Return the results for the store, or the error."""
        if self.error:
            return failed_part(self.task, self.task.rows, self.error)
        attributes = {**attributes, "seconds": round(self.seconds, 4)}
        return Part(self.task.record, np.array(self.rows), self._arrays, attributes)


def failed_part(task: Task, rows: Sequence[int], error: str) -> Part:
    """Return the part of a cell that failed for some images."""
    return Part(task.record, np.array(rows), status="failed", error=error)


def _described(layout: Layout) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in layout.items())
