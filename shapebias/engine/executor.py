"""The seam between a run and what computes it: a run makes a plan and writes the parts that an executor returns."""

from __future__ import annotations

from collections.abc import Collection, Generator
from typing import Protocol, TypeAlias

import attrs

from shapebias.engine.plan import ComputeOptions, Plan
from shapebias.store import DatasetPart, Part
from shapebias.study import Study

__all__ = ["BatchComputed", "Executor", "Message"]


@attrs.frozen
class BatchComputed:
    """Some images of a cell are finished, or given up because the cell failed; for the progress only.

    Args:
        images: how many.
        cell: the cell's title.
    """

    images: int
    cell: str


Message: TypeAlias = DatasetPart | Part | BatchComputed


class Executor(Protocol):
    """Computes plans: in this process, or wherever the same plugins and data are."""

    def describe_device(self, options: ComputeOptions) -> str:
        """Name the device that computes, for the record of the run.

        Raises:
            DeviceError: there is no such device, or it cannot compute in that precision.
        """

    def check(self, study: Study, options: ComputeOptions, answered: Collection[tuple[str, str]] = ()) -> None:
        """Refuse models that cannot be loaded or do not fit the data sets; called before anything is stored.

        An executor that cannot load models at this point does nothing: these cells then fail when they are computed.

        Args:
            study: what will be computed.
            options: how.
            answered: canonical texts of data set and model, for pairs that have answers in the results file already.

        Raises:
            ShapebiasError: says which model does not fit, and why.
        """

    def execute(self, plan: Plan) -> Generator[Message]:
        """Yield what is finished, as soon as it is; closing the generator stops the computation.

        The parts may come in any order, but the part of a data set comes before the first finished part of a cell with
        the same rows.  A cell that fails comes as a part with its traceback, and does not stop the others.
        """
