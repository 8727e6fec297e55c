"""Tell plugins that a cell is finished: when its last images have been written, or it has failed."""

from __future__ import annotations

from collections import Counter

import attrs

from shapebias.engine.plan import Plan
from shapebias.plugins.events import notify
from shapebias.plugins.study_results import CellSummary
from shapebias.store import Part
from shapebias.study import Cell

__all__ = ["CellEvents"]


class CellEvents:
    """Counts the images that each cell still lacks, and calls ``shapebias_cell_finished`` when none is left.

    ``cells`` is the number of cells of the plan, ``finished`` the number of those that are complete.

    Args:
        plan: what the run computes.
    """

    def __init__(self, plan: Plan) -> None:
        tasks = [task for work in plan.works for task in work.tasks]
        self._cells: dict[str, Cell] = {task.key: task.cell for task in tasks}
        self._summaries = dict.fromkeys(self._cells, CellSummary())
        self._left: Counter[str] = Counter()
        self.cells, self.finished = len(self._cells), 0
        for task in tasks:
            self._left[task.key] += len(task.rows)

    def written(self, part: Part) -> None:
        """Count a part that has been written."""
        key, images = part.cell.key, len(part.rows)
        before = self._summaries[key]
        if part.status == "failed":
            after = attrs.evolve(before, failed=before.failed + images, error=before.error or part.error)
        else:
            seconds = before.seconds + float(part.attributes.get("seconds") or 0)
            after = attrs.evolve(before, images=before.images + images, seconds=seconds)
        self._summaries[key] = after
        self._left[key] -= images
        if self._left[key] == 0:
            self._notify(key)

    def end(self) -> None:
        """Report the cells that failed early: their remaining images were not tried."""
        for key, images in self._left.items():
            if images:
                summary = self._summaries[key]
                self._summaries[key] = attrs.evolve(summary, failed=summary.failed + images)
                self._notify(key)

    def _notify(self, key: str) -> None:
        self.finished += 1
        notify("shapebias_cell_finished", cell=self._cells[key], summary=self._summaries[key])
