"""Weights & Biases: configuration, history, tables, images, and the files as an artefact."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WandbTracker"]


class WandbTracker:
    """One run of a W&B project.

    The library's own variables configure it: ``$WANDB_MODE`` (``offline``), ``$WANDB_PROJECT`` (default ``shapebias``),
    ``$WANDB_ENTITY``, ``$WANDB_DIR``.

    Args:
        name: the run's name.
        parameters: what was run.
    """

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        project = os.environ.get("WANDB_PROJECT") or "shapebias"
        # The user's own run is not changed.
        self._run = wandb.init(project=project, name=name, config=dict(parameters), reinit="create_new")

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Log numbers to the history."""
        self._run.log({**numbers, "step": step})

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Log a table; a column may have texts and empty cells."""
        values = table.astype(object).where(table.notna(), None).to_numpy()
        rows: list[Iterable[Any]] = [list(row) for row in values]
        columns: list[str | int] = [str(column) for column in table.columns]
        self._run.log({f"tables/{name}": wandb.Table(columns=columns, data=rows, allow_mixed_types=True)})

    def log_figure(self, name: str, png: Path) -> None:
        """Log a figure as an image."""
        self._run.log({f"figures/{name}": wandb.Image(str(png))})

    def log_file(self, path: Path) -> None:
        """Keep a file as an artefact; a page is also shown in the workspace."""
        artifact = wandb.Artifact(f"{path.stem}-{self._run.id}", type=path.stem)
        artifact.add_file(str(path))
        self._run.log_artifact(artifact)
        if path.suffix == ".html":
            self._run.log({path.stem: wandb.Html(path.read_text(encoding="utf-8"), inject=False)})

    def end(self, *, completed: bool) -> None:
        """Close the run; the exit code tells W&B whether it was completed."""
        self._run.finish(exit_code=0 if completed else 1)
