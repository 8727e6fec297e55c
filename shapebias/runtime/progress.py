"""The progress of a run, and its interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from shapebias.errors import ShapebiasError

__all__ = ["Interrupted", "Progress"]


class Interrupted(ShapebiasError):  # noqa: N818 - a wish of the user, not an error
    """The run was interrupted; everything that was finished is in the results file."""

    @classmethod
    def with_results_in(cls, output: str | Path) -> Interrupted:
        """Make an error that names the output and says how to continue."""
        return cls(f"interrupted; everything finished is in {output}: run the same command again to continue")


@attrs.frozen
class Progress:
    """The progress of a run.

    Args:
        done, total: finished images and all images, summed over the cells.
        cell: the title of the current cell.
        status: ``done`` or ``failed`` when a part of the cell, at most 2,048 images, has just been written; else
            ``running``.
        cells_done, cells: cells whose images are all written, and all cells of this run.
        workers, workers_lost: processes that compute, and how many were lost since the start.
    """

    done: int
    total: int
    cell: str
    status: Literal["running", "done", "failed"] = "running"
    cells_done: int = 0
    cells: int = 0
    workers: int = 1
    workers_lost: int = 0
