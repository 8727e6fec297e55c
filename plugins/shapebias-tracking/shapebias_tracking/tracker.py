"""The protocol of trackers, for any library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Tracker"]


class Tracker(Protocol):
    """One open run of an experiment tracker."""

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        """Open a run.

        Args:
            name: the run's name.
            parameters: what was run, by name.
        """

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Log numbers that change during a run."""

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Log a metric's table."""

    def log_figure(self, name: str, png: Path) -> None:
        """Log a figure."""

    def log_file(self, path: Path) -> None:
        """Keep a file, such as the report page, with the run."""

    def end(self, *, completed: bool) -> None:
        """Close the run; ``completed`` is False if it was interrupted or ended with an error."""
