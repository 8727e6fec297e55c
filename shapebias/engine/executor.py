"""The interface between a run and its executor: the run makes a plan, and writes the parts that the executor yields."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeAlias

import attrs

from shapebias.engine.plan import ComputeOptions, Plan
from shapebias.images.first import FirstImages
from shapebias.store import DatasetPart, Part

__all__ = ["BatchComputed", "Executor", "Message", "RunningExecutor", "WorkersChanged"]


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


class Executor(Protocol):
    """Computes the cells of a run: in this process, on a cluster, or wherever the same plugins and data are.

    Its settings choose the workers; an executor never writes a results file.
    """

    def start(self) -> RunningExecutor:
        """Return the running executor; it may connect and start workers when it is first used.

        Raises:
            ShapebiasError: it cannot compute here.
        """


class RunningExecutor(Protocol):
    """A started executor; its methods are called in this order."""

    def describe_device(self, options: ComputeOptions) -> str:
        """Name the device that computes, for the record of the run.

        Raises:
            DeviceError: there is no such device, or it cannot compute in that precision.
        """

    def check(self, plan: Plan, first_images: FirstImages) -> None:
        """Refuse models that cannot be loaded or do not fit the data sets; called before anything is stored.

        An executor that cannot load models at this point does nothing: such cells then fail when they are computed.

        Args:
            plan: what will be computed.
            first_images: the first image of each data set, decoded by this process.

        Raises:
            ShapebiasError: says which model does not fit, and why.
        """

    def execute(self, plan: Plan) -> Generator[Message]:
        """Yield each part as soon as it is finished; closing the generator stops the computation.

        The parts may come in any order, but the part of a data set comes before the first finished part of a cell with
        the same rows.  A cell that fails yields a part with its traceback and does not stop the others.
        """

    def close(self) -> None:
        """Release all resources; called once, also after an error."""
