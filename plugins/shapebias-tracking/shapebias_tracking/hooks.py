"""The hooks of one tracker: open a run, log to it, and close it."""

from __future__ import annotations

import atexit
import importlib
import os
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapebias.plugin import hookimpl
from shapebias_tracking import contents

if TYPE_CHECKING:
    import shapebias as sb
    from shapebias.plugin import CellSummary
    from shapebias_tracking.tracker import Tracker

__all__ = ["NAMES", "TrackingHooks"]

NAMES = ("mlflow", "tensorboard", "wandb")


class TrackingHooks:
    """The plugin of one tracker.

    Args:
        name: the tracker's word in ``$SHAPEBIAS_TRACKERS``.
        target: its class, ``"package.module:Class"``, which is imported when the first run is opened.
    """

    def __init__(self, name: str, target: str) -> None:
        self.name = name
        self._target = target
        self._open = _OpenRuns()
        atexit.register(self.end_all)

    @hookimpl
    def shapebias_run_started(self, study: sb.Study, output: Path) -> None:
        """Open a run with the study's parameters and its file."""
        self._end_study(completed=False)  # of a run that was interrupted or ended with an error
        if self._is_chosen():
            name = os.environ.get("SHAPEBIAS_TRACKING_NAME") or output.stem
            tracker = self._open.study = self._start(name, contents.study_parameters(study, output))
            self._open.cells = self._open.failed = 0
            with contents.study_file(study) as path:
                tracker.log_file(path)

    @hookimpl
    def shapebias_cell_finished(self, summary: CellSummary) -> None:
        """Log the numbers of finished and failed cells, and the time of the cell."""
        if self._open.study is not None:
            self._open.cells += 1
            self._open.failed += bool(summary.failed)
            numbers = {
                "cells/finished": self._open.cells,
                "cells/failed": self._open.failed,
                "cells/images": summary.images,
                "cells/seconds": summary.seconds,
            }
            self._open.study.log_numbers(numbers, self._open.cells)

    @hookimpl
    def shapebias_run_finished(self, results: sb.Results) -> None:
        """Log tables, numbers, figures and the report page, and close the run."""
        tracker = self._open.study
        if tracker is None:
            return
        try:
            contents.log_results(tracker, results, self._open.cells + 1)
        except BaseException:
            self._end_study(completed=False)
            raise
        self._end_study(completed=True)

    @hookimpl
    def shapebias_training_epoch(self, recipe: sb.Recipe, progress: Any) -> None:
        """Log the epoch's loss and accuracies, in a run that the first epoch opens."""
        if not self._is_chosen():
            return
        tracker = self._training(recipe, progress.epoch)
        tracker.log_numbers(contents.epoch_numbers(progress), progress.epoch)
        self._open.epoch = progress.epoch
        if progress.done == progress.total:
            self._end_training()

    def _training(self, recipe: sb.Recipe, epoch: int) -> Tracker:
        """Return the open run of a training; an epoch that does not follow the last one belongs to another training."""
        text = recipe.to_toml()
        if self._open.training is None or (self._open.recipe, self._open.epoch + 1) != (text, epoch):
            self._end_training()
            name = os.environ.get("SHAPEBIAS_TRACKING_NAME") or recipe.model.title
            self._open.training = self._start(name, contents.recipe_parameters(recipe))
            self._open.recipe = text
        return self._open.training

    def _is_chosen(self) -> bool:
        """Tell whether the environment names this tracker; warn about a name that does not exist."""
        chosen = [word.strip() for word in os.environ.get("SHAPEBIAS_TRACKERS", "").split(",") if word.strip()]
        for word in chosen:
            if word not in NAMES:
                warnings.warn(
                    f"SHAPEBIAS_TRACKERS: there is no tracker {word!r}; known: {', '.join(NAMES)}", stacklevel=2
                )
        return self.name in chosen

    def _start(self, name: str, parameters: dict[str, str]) -> Tracker:
        module, _, attribute = self._target.partition(":")
        try:
            tracker: type[Tracker] = getattr(importlib.import_module(module), attribute)
        except ImportError as error:
            raise ImportError(f"{error}; run 'pip install shapebias-tracking[{self.name}]'") from error
        return tracker(name, parameters)

    def _end_study(self, *, completed: bool) -> None:
        tracker, self._open.study = self._open.study, None
        if tracker is not None:
            tracker.end(completed=completed)

    def _end_training(self) -> None:
        tracker, self._open.training = self._open.training, None
        if tracker is not None:
            tracker.end(completed=True)

    def end_all(self) -> None:
        """Close open runs when Python ends: a study was interrupted, or a training may have stopped early."""
        self._end_study(completed=False)
        self._end_training()


class _OpenRuns(threading.local):
    """The runs that are open, by thread: two studies in two threads do not mix."""

    study: Tracker | None = None
    cells: int = 0
    failed: int = 0
    training: Tracker | None = None
    recipe: str = ""
    epoch: int = 0
