"""Studies on a Ray cluster: the executor ``ray``."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import ExecutorSpec, hookimpl

__all__ = ["shapebias_executors"]


@hookimpl
def shapebias_executors() -> Iterator[ExecutorSpec]:
    """Yield the executor."""
    yield ExecutorSpec(
        "ray", "shapebias_ray.executor:Ray", summary="workers on a Ray cluster, or one for each GPU of this machine"
    )
