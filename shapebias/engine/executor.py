"""The order of work: which stimulus is made, which model is asked, and whose failure is whose."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from shapebias.engine.evaluation import BatchEvaluation, eps_values
from shapebias.engine.plan import Task, Work
from shapebias.engine.session import Session
from shapebias.errors import PluginError
from shapebias.images.decoded import DecodedImages, UnreadableError
from shapebias.images.transformed import TransformedImages
from shapebias.networks.classifier import Classifier
from shapebias.networks.labels import match_labels
from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Dataset
from shapebias.runtime import guard
from shapebias.runtime.result_checks import check_scores
from shapebias.store import DatasetPart, Part
from shapebias.study import Condition

__all__ = ["LocalExecutor"]

_Layout: TypeAlias = dict[str, tuple[int, ...]]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@attrs.define(eq=False)
class LocalExecutor:
    """Computes work, one part after the other.

    Args:
        session: the study and the device.
        report: called with the number of images done and the cell's title.
    """

    session: Session
    report: Callable[[int, str], None] = lambda _images, _cell: None
    _failed: set[str] = attrs.field(factory=set, init=False)
    _layouts: dict[str, _Layout] = attrs.field(factory=dict, init=False)

    def compute(self, work: Work) -> Generator[DatasetPart | Part]:
        """Compute one piece of work; each cell's part comes as soon as it is finished.

        A cell that fails comes as a part with its traceback, and the others go on.  An image that cannot be read fails
        for itself alone.
        """
        tasks = [task for task in work.tasks if task.record.key not in self._failed]
        for task in work.tasks:
            if task.record.key in self._failed:
                self.report(len(task.rows), task.cell.title)
        if not tasks:
            return
        try:
            pictures = DecodedImages(work.dataset.settings, work.rows, self.session.workers)
        except Exception:  # noqa: BLE001 - a failure belongs to its cells
            yield from self._fail(tasks)
            return
        described = False
        try:
            for part in self._parts(tasks, pictures):
                if part.status == "done" and not described:
                    yield _dataset_part(work, pictures)
                    described = True
                yield part
        finally:
            pictures.close()

    def _fail(self, tasks: Iterable[Task]) -> Iterator[Part]:
        """Make the parts of cells that fail with the error that is being handled."""
        error = traceback.format_exc()
        for task in tasks:
            self._failed.add(task.record.key)
            self.report(len(task.rows), task.cell.title)
            yield Part(task.record, np.array(task.rows), status="failed", error=error)

    def _parts(self, tasks: Sequence[Task], pictures: DecodedImages) -> Iterator[Part]:
        """Group the tasks so that a stimulus is made once and a model is asked once."""
        if pictures.example is None:
            for task in tasks:
                yield self._unreadable(task, pictures, pictures.unreadable())
            return
        for before, same_stimulus in _grouped(tasks, lambda task: task.cell.condition.before):
            models = _grouped(same_stimulus, lambda task: _key(task.cell.model))
            try:
                transforms = [(step, self.session.load(step)) for step in before]
            except Exception:  # noqa: BLE001
                yield from self._fail(same_stimulus)
                continue
            stimuli = TransformedImages(
                pictures, transforms, self.session.study.seed, self.session.device, keep=len(models) > 1
            )
            for _, same_model in models:
                try:
                    network = self.network(same_model[0].cell.model, pictures)
                except Exception:  # noqa: BLE001
                    yield from self._fail(same_model)
                    continue
                with network.evaluating():
                    for (condition, _), same in _grouped(same_model, lambda task: (task.cell.condition, task.rows)):
                        yield from self._condition(network, condition, same, stimuli)

    def network(self, model: Component, pictures: DecodedImages) -> Classifier:
        """Load a model and map its outputs to the data set's classes."""
        loaded = self.session.load(model)
        if not isinstance(loaded, Classifier):
            raise PluginError(
                f"model {model.text} loads a {type(loaded).__name__}; load(device) must return a Classifier"
            )
        with loaded.evaluating(), torch.no_grad():
            images = pictures.take([pictures.example or 0], loaded.device).images
            scores = guard.call(f"model {model.text}", loaded.logits, images)
        check_scores(scores, 1)
        outputs, classes, file = scores.shape[1], pictures.dataset.classes, self.session.study.mapping
        mapping = match_labels(loaded.classes, outputs, classes, file, loaded.descriptions)
        return attrs.evolve(loaded, mapping=mapping)

    def _condition(
        self, network: Classifier, condition: Condition, tasks: Sequence[Task], stimuli: TransformedImages
    ) -> Iterator[Part]:
        """Ask one model under one condition: prediction, maps and probes of the same images."""
        position_of = {row: position for position, row in enumerate(stimuli.pictures.rows)}
        left = [position_of[row] for row in tasks[0].rows]
        gathered = [_CellAnswers(task, self._layouts.setdefault(task.record.key, {})) for task in tasks]
        unreadable: dict[int, str] = {}
        while left and not all(one.error for one in gathered):
            began = time.perf_counter()
            try:
                asked = self._ask(network, condition, stimuli, left)
            except UnreadableError as error:
                unreadable |= error.reasons
                left = [position for position in left if position not in unreadable]
                continue
            except Exception:  # noqa: BLE001
                for one in gathered:
                    one.error = one.error or traceback.format_exc()
                break
            shared = (time.perf_counter() - began) / len(tasks)
            for one in gathered:
                began = time.perf_counter()
                one.gather(asked, stimuli.pictures)
                one.seconds += shared + time.perf_counter() - began
                self.report(len(asked), one.task.cell.title)
            left = left[len(asked) :]
        yield from self._finished(gathered, self._attributes(network, condition), stimuli.pictures, left, unreadable)

    def _finished(
        self,
        gathered: Sequence[_CellAnswers],
        attributes: Mapping[str, Any],
        pictures: DecodedImages,
        left: Sequence[int],
        unreadable: Mapping[int, str],
    ) -> Iterator[Part]:
        """Make the parts of cells once every batch was computed, or an error ended them."""
        for one in gathered:
            if one.rows:
                one.finish()
            if one.error:
                self._failed.add(one.task.record.key)
                self.report(len(left), one.task.cell.title)
            if one.error or one.rows:
                yield one.part(attributes)
            if unreadable and not one.error:
                yield self._unreadable(one.task, pictures, unreadable)

    def _unreadable(self, task: Task, pictures: DecodedImages, reasons: Mapping[int, str]) -> Part:
        """Make the part of a cell for images that cannot be read: it fails for these, and goes on with the others."""
        rows = [pictures.rows[position] for position in sorted(reasons)]
        self.report(len(rows), task.cell.title)
        return Part(task.record, np.array(rows), status="failed", error=f"DataError: {UnreadableError(reasons)}")

    def _ask(
        self, network: Classifier, condition: Condition, stimuli: TransformedImages, positions: Sequence[int]
    ) -> BatchEvaluation:
        """Ask about the first of some stimuli, as many as fit into memory."""
        return self.session.memory.fit(
            "batch", lambda size: BatchEvaluation.about(self.session, network, condition, stimuli, positions[:size])
        )

    def _attributes(self, network: Classifier, condition: Condition) -> dict[str, Any]:
        """Say how the answers came about, for the record."""
        mapping, eps = network.mapping, eps_values(condition)
        return {
            "device": str(network.device),
            "precision": self.session.precision,
            "mapping": mapping.to_json() if mapping else "",
            "mapping_name": mapping.name if mapping else "",
            **({"eps": json.dumps(eps) if len(eps) > 1 else eps[0]} if eps else {}),
        }


@attrs.define(eq=False)
class _CellAnswers:
    """The answers of one task, batch by batch; after an error it takes no more.

    Args:
        task: the task.
        layout: names and shapes of the cell's arrays, which the first batch of its first part decides.
    """

    task: Task
    layout: _Layout
    rows: list[int] = attrs.field(factory=list)
    pieces: list[tuple[int, dict[str, NDArray[Any]]]] = attrs.field(factory=list)
    arrays: dict[str, NDArray[Any]] = attrs.field(factory=dict)
    seconds: float = 0.0
    error: str = ""

    def gather(self, asked: BatchEvaluation, pictures: DecodedImages) -> None:
        if self.error:
            return
        self.rows += [pictures.rows[position] for position in asked.positions]
        try:
            arrays = asked.answer(self.task.cell)
            self._check(arrays, len(asked))
            self.pieces.append((len(asked), arrays))
        except Exception:  # noqa: BLE001 - a failure belongs to its cell
            self.error = traceback.format_exc()

    def _check(self, arrays: Mapping[str, NDArray[Any]], count: int) -> None:
        """Refuse what could not be joined with the batches before."""
        if not arrays:  # no image of the batch could be measured
            return
        for name, array in arrays.items():
            if len(array) != count:
                raise PluginError(f"{name} has {len(array)} entries for {count} images")
        layout = {name: array.shape[1:] for name, array in arrays.items()}
        if not self.layout:
            self.layout.update(layout)
        if layout != self.layout:
            raise PluginError(
                f"{self.task.cell.title}: a batch has the arrays {_described(layout)}, an earlier one "
                f"{_described(self.layout)}; names and shapes must not depend on the batch"
            )

    def finish(self) -> None:
        """Join the batches, once all are there."""
        if self.error:
            return
        try:
            self.arrays = self._joined()
        except Exception:  # noqa: BLE001 - a failure belongs to its cell
            self.error = traceback.format_exc()

    def _joined(self) -> dict[str, NDArray[Any]]:
        known = [arrays for _, arrays in self.pieces if arrays]
        maps = [arrays["maps"] for arrays in known if "maps" in arrays]
        if not known or (maps and all(np.isnan(piece[..., 0, 0]).all() for piece in maps)):
            raise PluginError(
                f"{self.task.cell.title}: the maps of all images are NaN, infinite or beyond 1.7e38; "
                "check the method and the model's gradients"
            )
        return {
            name: np.concatenate(
                [arrays[name] if arrays else np.full((count, *shape), np.nan) for count, arrays in self.pieces]
            )
            for name, shape in self.layout.items()
        }

    def part(self, attributes: Mapping[str, Any]) -> Part:
        if self.error:
            return Part(self.task.record, np.array(self.task.rows), status="failed", error=self.error)
        return Part(
            self.task.record, np.array(self.rows), self.arrays, {**attributes, "seconds": round(self.seconds, 4)}
        )


def _described(layout: _Layout) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in layout.items())


def _dataset_part(work: Work, pictures: DecodedImages) -> DatasetPart:
    """Describe those images of a part that could be read, for the store."""
    good = pictures.readable()
    samples = pictures.samples(good)
    height, width = pictures.size
    return DatasetPart(
        work.record,
        np.array([work.rows[position] for position in good]),
        tuple(sample.id for sample in samples),
        np.array([sample.label for sample in samples]),
        np.array([-1 if sample.shape is None else sample.shape for sample in samples]),
        np.array([-1 if sample.texture is None else sample.texture for sample in samples]),
        pictures.thumbnails(good),
        {
            "classes": json.dumps(list(pictures.dataset.classes)),
            "height": height,
            "width": width,
            "images": len(pictures.dataset),
            **_skipped(pictures.dataset),
            "note": getattr(pictures.dataset, "note", None),
        },
        pictures.known_masks(good),
    )


def _skipped(dataset: Dataset) -> dict[str, str]:
    """Count what a data set says it skipped, by its reason, with the first of each."""
    paths: dict[str, list[str]] = {}
    for path, reason in sorted(getattr(dataset, "skipped", {}).items()):
        paths.setdefault(reason, []).append(path)
    counts = [[reason, len(of_reason), of_reason[0]] for reason, of_reason in paths.items()]
    return {"skipped": json.dumps(counts)} if counts else {}


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> list[tuple[_Key, list[_Item]]]:
    """Group items by a key, in the order of first appearance."""
    groups: dict[_Key, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def _key(component: Component) -> tuple[str, str, str]:
    return (component.kind, component.title, component.canonical)
