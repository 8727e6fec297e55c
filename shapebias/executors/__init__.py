"""The built-in executor: only the hook implementation here."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import ExecutorSpec

__all__ = ["shapebias_executors"]


@hookimpl
def shapebias_executors() -> Iterator[ExecutorSpec]:
    """Yield the local executor; docs/scale.md describes it and others."""
    yield ExecutorSpec("local", "shapebias.executors.local:Local", summary="this process, on one device; the default")
