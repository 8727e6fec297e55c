"""The seam between a run and what computes it: a run makes a plan and writes the parts that an executor returns."""

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
    """Some images of a cell are finished, or given up because the cell failed; for the progress only.

    Args:
        images: how many.
        cell: the cell's title.
    """

    images: int
    cell: str


@attrs.frozen
class WorkersChanged:
    """Workers were started or lost; for the progress only.

    Args:
        workers: how many compute now.
        lost: how many were lost since the start.
    """

    workers: int
    lost: int = 0


Message: TypeAlias = DatasetPart | Part | BatchComputed | WorkersChanged


@contextlib.contextmanager
def started(executor: Any) -> Iterator[RunningExecutor]:
    """Start an executor, and close it in the end.

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
