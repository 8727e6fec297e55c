"""TensorBoard: scalars, figures as images, parameters and tables as text, files beside the events."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker:
    """A folder of events below ``$SHAPEBIAS_TENSORBOARD_DIR`` (default ``runs``).

    Args:
        name: the folder's name; a number is appended if it exists already.
        parameters: what was run.
    """

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        self._folder = _new_folder(Path(os.environ.get("SHAPEBIAS_TENSORBOARD_DIR") or "runs"), name)
        self._writer = SummaryWriter(str(self._folder))
        self._add_text("parameters", _markdown(["parameter", "value"], list(parameters.items())))

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Log numbers as scalars."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Log a table as text, without empty columns."""
        shown = table.dropna(axis="columns", how="all")
        rows = shown.astype(object).where(shown.notna(), "").to_numpy().tolist()
        self._add_text(f"tables/{name}", _markdown([str(column) for column in shown.columns], rows))

    def log_figure(self, name: str, png: Path) -> None:
        """Log a figure as an image."""
        with Image.open(png) as image:
            pixels = np.asarray(image.convert("RGB"))
        self._writer.add_image(f"figures/{name}", pixels, dataformats="HWC")

    def log_file(self, path: Path) -> None:
        """Put a file beside the events, because TensorBoard cannot store files."""
        kept = shutil.copy(path, self._folder)
        self._add_text("files/" + path.name, f"`{kept}`")

    def _add_text(self, name: str, text: str) -> None:
        self._writer.add_text(name, text)

    def end(self, *, completed: bool) -> None:
        """Write what is buffered, and close the file."""
        self._add_text("status", "completed" if completed else "interrupted, or ended with an error")
        self._writer.close()


def _new_folder(parent: Path, name: str) -> Path:
    """Make a separate folder for the run: events of two runs in one folder would be drawn as one line."""
    stem = re.sub(r"[^\w.=,+-]+", "_", name) or "run"
    for number in range(1, 100_000):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent} has too many folders {stem}-N; choose another $SHAPEBIAS_TENSORBOARD_DIR")


def _markdown(columns: list[str], rows: list[Any]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
