"""The executor that computes in this process."""

from __future__ import annotations

import attrs

from shapebias.engine.local_executor import LocalExecutor

__all__ = ["Local"]


@attrs.frozen
class Local:
    """Compute in this process, on one device, one cell after the other.

    >>> from shapebias.engine.plan import ComputeOptions
    >>> Local().start().describe_device(ComputeOptions("cpu")).partition(",")[0]
    'cpu'
    """

    def start(self) -> LocalExecutor:
        """Return the executor; it loads nothing yet."""
        return LocalExecutor()
