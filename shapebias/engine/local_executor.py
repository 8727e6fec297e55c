"""Compute a plan in this process: the order of the computation, and which cells an error fails."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from shapebias.engine.batch_size import usual_batch_size, usual_chunk
from shapebias.engine.cell_results import CellResults, Layout, failed_part
from shapebias.engine.dataset_part import dataset_part
from shapebias.engine.evaluation import ModelBatch, attack_batch, eps_values
from shapebias.engine.executor import BatchComputed, Message
from shapebias.engine.model_loading import load_model
from shapebias.engine.preflight import check_models
from shapebias.engine.session import Session
from shapebias.images.decoded import DecodedImages, UnreadableError
from shapebias.images.first import FirstImages
from shapebias.images.transformed import TransformedImages
from shapebias.runtime import guard
from shapebias.runtime.device import autocast, choose_device, describe_device
from shapebias.runtime.memory import Memory
from shapebias.store import Part

if TYPE_CHECKING:
    from shapebias.engine.plan import ComputeOptions, Plan, Task, Work
    from shapebias.networks.classifier import Classifier
    from shapebias.plugins.catalog import Component
    from shapebias.study import Condition, Study

__all__ = ["LocalExecutor"]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@attrs.define(eq=False)
class LocalExecutor:
    """Computes plans in this process, on one device, one piece of work after the other.

    Args:
        keep_images: keep the decoded images of the last piece until those of another part are needed: for a worker
            whose next piece often has the same images.
    """

    keep_images: bool = False
    _first_images: FirstImages = attrs.field(factory=FirstImages, init=False)
    _session: Session | None = attrs.field(default=None, init=False)

    def describe_device(self, options: ComputeOptions) -> str:
        """Name the device.

        Raises:
            DeviceError: there is no such device, or it cannot compute in that precision.
        """
        device = choose_device(options.device)
        autocast(device, options.precision)
        return describe_device(device)

    def check(self, plan: Plan, first_images: FirstImages | None = None) -> None:
        """Load the models, which stay loaded for the plan, and refuse those that do not fit.

        Raises:
            ShapebiasError: a model cannot be loaded, or does not fit a data set.
        """
        self._first_images = first_images or self._first_images
        check_models(self.session(plan.study, plan.options), self._first_images, plan.pairs)

    def session(self, study: Study, options: ComputeOptions) -> Session:
        """Return the session in which the models of a study were checked, or a new one."""
        device = choose_device(options.device)
        if self._session is None or self._session.study is not study or self._session.device != device:
            datasets = [study.images_for(dataset, model) for dataset in study.datasets for model in study.models]
            largest = max(self._first_images.pixels(dataset) for dataset in datasets)
            memory = Memory(
                options.batch_size or usual_batch_size(largest, device), options.chunk or usual_chunk(largest, device)
            )
            self._session = Session(study, device, memory, options.precision, options.workers)
        return self._session

    def execute(self, plan: Plan, *, describe: bool = True) -> Generator[Message]:
        """Compute a plan; closing the generator stops decoding and restores the networks' flags.

        Args:
            plan: what to compute.
            describe: yield the parts of data sets too; otherwise their thumbnails are not made.
        """
        if not plan.works:
            return
        session = self.session(plan.study, plan.options)
        computation = _Computation(session, self._first_images, describe)
        try:
            with guard.steady_modes():  # also where another process computes than the one that runs the study
                for work in plan.works:
                    yield from computation.compute(work)
        finally:
            if not self.keep_images:
                session.forget_images()

    def close(self) -> None:
        """Release the loaded models and images."""
        if self._session is not None:
            self._session.forget_images()
        self._session = None


@attrs.define(eq=False)
class _Computation:
    """The computation of a plan.

    Args:
        session: the study and the device.
        first_images: the first image of each data set.
        describe: whether parts of data sets are wanted.
    """

    session: Session
    first_images: FirstImages
    describe: bool
    _failed: set[str] = attrs.field(factory=set, init=False)
    _layouts: dict[str, Layout] = attrs.field(factory=dict, init=False)

    def compute(self, work: Work) -> Iterator[Message]:
        """Compute one piece of work.

        A cell that fails yields a part with its traceback, and the others continue.  If an image cannot be read, only
        that image fails.
        """
        tasks = [task for task in work.tasks if task.key not in self._failed]
        for task in work.tasks:
            if task.key in self._failed:
                yield BatchComputed(len(task.rows), task.cell.title)
        if not tasks:
            return
        try:
            decoded = self.session.decode(work.dataset, work.rows, self.first_images.of(work.dataset))
        except Exception:  # noqa: BLE001 - an error fails only these cells
            yield from self._fail(tasks)
            return
        described = not self.describe
        for message in self._compute(tasks, decoded):
            if not described and isinstance(message, Part) and message.status == "done":
                yield dataset_part(work, decoded)
                described = True
            yield message

    def _fail(self, tasks: Iterable[Task]) -> Iterator[Message]:
        """Yield the parts of cells that fail with the current exception."""
        error = traceback.format_exc()
        for task in tasks:
            self._failed.add(task.key)
            yield BatchComputed(len(task.rows), task.cell.title)
            yield failed_part(task, task.rows, error)

    def _compute(self, tasks: Sequence[Task], decoded: DecodedImages) -> Iterator[Message]:
        """Group the tasks, so that each stimulus is made once and each model predicts it once."""
        if decoded.first_readable is None:
            reasons = decoded.unreadable()
            for task in tasks:
                yield from _unreadable(task, decoded, reasons)
            return
        for before, same_stimulus in _grouped(tasks, lambda task: task.cell.condition.before):
            models = _grouped(same_stimulus, lambda task: _identity(task.cell.model))
            try:
                transforms = [(step, self.session.load(step)) for step in before]
            except Exception:  # noqa: BLE001
                yield from self._fail(same_stimulus)
                continue
            seed, device = self.session.study.seed, self.session.device
            stimuli = TransformedImages(decoded, transforms, seed, device, keep=len(models) > 1)
            for _, same_model in models:
                yield from self._compute_model(same_model, stimuli)

    def _compute_model(self, tasks: Sequence[Task], stimuli: TransformedImages) -> Iterator[Message]:
        """Compute the tasks of one model on the same stimuli."""
        try:
            network = load_model(self.session, tasks[0].cell.model, stimuli.decoded)
        except Exception:  # noqa: BLE001
            yield from self._fail(tasks)
            return
        with network.evaluating():
            for (condition, _), same in _grouped(tasks, lambda task: (task.cell.condition, task.rows)):
                yield from self._compute_condition(network, condition, same, stimuli)

    def _compute_condition(
        self, network: Classifier, condition: Condition, tasks: Sequence[Task], stimuli: TransformedImages
    ) -> Iterator[Message]:
        """Compute the prediction, the maps and the probes of one model under one condition, batch by batch."""
        decoded = stimuli.decoded
        position_of = {row: position for position, row in enumerate(decoded.rows)}
        left = [position_of[row] for row in tasks[0].rows]
        cells = [CellResults(task, self._layouts.setdefault(task.key, {})) for task in tasks]
        unreadable: dict[int, str] = {}
        while left and not all(cell.error for cell in cells):
            began = time.perf_counter()
            try:
                batch = self._attack(network, condition, stimuli, left)
            except UnreadableError as error:
                unreadable |= error.reasons
                left = [position for position in left if position not in unreadable]
                continue
            except Exception:  # noqa: BLE001
                for cell in cells:
                    cell.error = cell.error or traceback.format_exc()
                break
            shared = (time.perf_counter() - began) / len(tasks)
            for cell in cells:
                began = time.perf_counter()
                cell.add(batch, decoded.rows)
                cell.seconds += shared + time.perf_counter() - began
                yield BatchComputed(len(batch), cell.task.cell.title)
            left = left[len(batch) :]
        attributes = self._attributes(network, condition)
        for cell in cells:
            yield from self._finish(cell, attributes, len(left))
            if unreadable and not cell.error:
                yield from _unreadable(cell.task, decoded, unreadable)

    def _attack(
        self, network: Classifier, condition: Condition, stimuli: TransformedImages, positions: Sequence[int]
    ) -> ModelBatch:
        """Make the model's inputs for as many of the first images as fit into memory."""
        return self.session.memory.fit(
            "batch", lambda size: attack_batch(self.session, network, condition, stimuli, positions[:size])
        )

    def _finish(self, cell: CellResults, attributes: Mapping[str, Any], left: int) -> Iterator[Message]:
        """Yield the part of a cell after its last batch, or after an error."""
        cell.finish()
        if cell.error:
            self._failed.add(cell.task.key)
            yield BatchComputed(left, cell.task.cell.title)
        if cell.error or cell.rows:
            yield cell.part(attributes)

    def _attributes(self, network: Classifier, condition: Condition) -> dict[str, Any]:
        """Describe the computation, for the results file."""
        mapping, eps = network.mapping, eps_values(condition)
        return {
            "device": str(network.device),
            "precision": self.session.precision,
            "mapping": mapping.to_json() if mapping else "",
            "mapping_name": mapping.name if mapping else "",
            **({"eps": json.dumps(eps) if len(eps) > 1 else eps[0]} if eps else {}),
        }


def _unreadable(task: Task, decoded: DecodedImages, reasons: Mapping[int, str]) -> Iterator[Message]:
    """Yield the failed part of a cell for the images that cannot be read; its other images do not fail."""
    rows = [decoded.rows[position] for position in sorted(reasons)]
    yield BatchComputed(len(rows), task.cell.title)
    yield failed_part(task, rows, f"DataError: {UnreadableError(reasons)}")


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> list[tuple[_Key, list[_Item]]]:
    """Group items by a key, in the order of first appearance."""
    groups: dict[_Key, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def _identity(component: Component) -> tuple[str, str, str]:
    return (component.kind, component.title, component.canonical)
