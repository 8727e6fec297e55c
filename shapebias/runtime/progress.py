"""How far a run is, and what happens when it is interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from shapebias.errors import ShapebiasError

__all__ = ["Interrupted", "Progress"]


class Interrupted(ShapebiasError):  # noqa: N818 - the user's wish, not an error
    """The run was interrupted; everything finished is in the store."""

    @classmethod
    def with_results_in(cls, output: str | Path) -> Interrupted:
        """Say where what is finished is, and how to go on."""
        return cls(f"interrupted; what is finished is in {output}: run the same command again to continue")


@attrs.frozen
class Progress:
    """How far a run is.

    Args:
        done, total: images times cells.
        cell: the cell that is being computed.
        status: ``done`` or ``failed`` when the cell's answers to at most 2,048 images have just been written.
    """

    done: int
    total: int
    cell: str
    status: Literal["running", "done", "failed"] = "running"
