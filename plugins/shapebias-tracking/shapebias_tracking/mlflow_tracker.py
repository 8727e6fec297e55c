"""MLflow: parameters, metrics, tables as JSON, figures and files as artefacts."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MLflowTracker"]

_LONGEST_VALUE = 6000  # MLflow's limits
_LONGEST_NAME = 250
_NUMBERS_AT_ONCE = 1000


class MLflowTracker:
    """One run of an MLflow experiment.

    ``$MLFLOW_TRACKING_URI`` is the address, ``$MLFLOW_EXPERIMENT_NAME`` the experiment (default ``shapebias``).

    Args:
        name: the run's name.
        parameters: what was run; a text of more than 6,000 characters is cut, and ends in ``...``.
    """

    def __init__(self, name: str, parameters: Mapping[str, str]) -> None:
        self._client = MlflowClient()  # not mlflow.start_run, so that the user's own run stays active
        run = self._client.create_run(self._experiment(), run_name=name)
        self._id = run.info.run_id
        values = {key: _cut(value) for key, value in parameters.items()}
        self._client.log_batch(self._id, params=[Param(key, value) for key, value in values.items()])

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "shapebias"
        experiment = self._client.get_experiment_by_name(name)
        return str(experiment.experiment_id if experiment else self._client.create_experiment(name))

    def log_numbers(self, numbers: Mapping[str, float], step: int) -> None:
        """Log numbers under names that MLflow allows."""
        now, names = int(1000 * time.time()), legal_names(numbers)
        metrics = [Metric(names[name], value, now, step) for name, value in numbers.items()]
        for start in range(0, len(metrics), _NUMBERS_AT_ONCE):
            self._client.log_batch(self._id, metrics=metrics[start : start + _NUMBERS_AT_ONCE])

    def log_table(self, name: str, table: pd.DataFrame) -> None:
        """Log a table as an artefact that MLflow's pages show."""
        self._client.log_table(self._id, table, f"tables/{name}.json")

    def log_figure(self, name: str, png: Path) -> None:
        """Keep a figure among the artefacts."""
        self._client.log_artifact(self._id, str(png), "figures")

    def log_file(self, path: Path) -> None:
        """Keep a file among the artefacts."""
        self._client.log_artifact(self._id, str(path))

    def end(self, *, completed: bool) -> None:
        """Close the run as finished or as killed."""
        self._client.set_terminated(self._id, "FINISHED" if completed else "KILLED")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def legal_names(names: Mapping[str, object]) -> dict[str, str]:
    """Replace what MLflow does not allow in a metric's name; names that become equal or too long end in a hash.

    >>> legal_names({"accuracy/cnn/saturate:p=8": 0.5})
    {'accuracy/cnn/saturate:p=8': 'accuracy/cnn/saturate:p_8'}
    """
    cleaned = {name: re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII) for name in names}
    counts = Counter(cleaned.values())
    return {
        name: clean if counts[clean] == 1 and len(clean) <= _LONGEST_NAME else f"{clean[:241]}-{_hash(name)}"
        for name, clean in cleaned.items()
    }


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
