"""The interface between a run and its executor: the run makes a plan, and writes the parts that the executor yields."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs

from shapebias.plugins.protocols import RunningExecutor
from shapebias.store import DatasetPart, Part
from shapebias.study.config import component

__all__ = ["BatchComputed", "Message", "WorkersChanged", "started"]


@attrs.frozen
class BatchComputed:
    """Some images of a cell were computed, or skipped because the cell failed; for the progress only.

    Args:
        images: the number of images.
        cell: the cell's title.
    """

    images: int
    cell: str


@attrs.frozen
class WorkersChanged:
    """Workers were started or lost; for the progress only.

    Args:
        workers: the number of workers that compute now.
        lost: the number of workers lost since the start; 0 by default.
    """

    workers: int
    lost: int = 0


Message: TypeAlias = DatasetPart | Part | BatchComputed | WorkersChanged


@contextlib.contextmanager
def started(executor: Any) -> Iterator[RunningExecutor]:
    """Start an executor, and close it at the end.

    Args:
        executor: text such as ``"ray:workers=2"``, settings built in Python, or a running executor, which stays open.

    Raises:
        ShapebiasError: no plugin provides it, or it cannot compute here.
    """
    if hasattr(executor, "execute"):
        yield executor
        return
    running: RunningExecutor = component(("executor",), executor).settings.start()
    with contextlib.closing(running):
        yield running
