"""The order of work: which stimulus is made, which model is asked, and whose failure is whose."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from shapebias.catalog import Component
from shapebias.classifier import Classifier
from shapebias.engine.answering import Asked, budgets, check_scores
from shapebias.engine.images import Pictures, Stimuli
from shapebias.engine.plan import Task, Work
from shapebias.engine.session import Session
from shapebias.errors import PluginError
from shapebias.labels import match_labels
from shapebias.store import DatasetPart, Part
from shapebias.study import Condition

__all__ = ["Computer"]

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@attrs.define(eq=False)
class Computer:
    """Computes work, one part after the other.

    Args:
        session: the study and the device.
        report: called with the number of images done and the cell's title.
    """

    session: Session
    report: Callable[[int, str], None] = lambda _images, _cell: None
    _failed: set[str] = attrs.field(factory=set, init=False)

    def compute(self, work: Work) -> Generator[DatasetPart | Part]:
        """Compute one piece of work; each cell's part comes as soon as it is finished.

        A cell that fails comes as a part with its traceback, and the others go on.
        """
        tasks = [task for task in work.tasks if task.record.key not in self._failed]
        for task in work.tasks:
            if task.record.key in self._failed:
                self.report(len(task.rows), task.cell.title)
        if not tasks:
            return
        try:
            pictures = Pictures(work.dataset.settings, work.rows, self.session.workers)
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

    def _parts(self, tasks: Sequence[Task], pictures: Pictures) -> Iterator[Part]:
        """Group the tasks so that a stimulus is made once and a model is asked once."""
        for before, same_stimulus in _grouped(tasks, lambda task: task.cell.condition.before):
            models = _grouped(same_stimulus, lambda task: _key(task.cell.model))
            try:
                transforms = [(step, self.session.load(step)) for step in before]
            except Exception:  # noqa: BLE001
                yield from self._fail(same_stimulus)
                continue
            stimuli = Stimuli(pictures, transforms, self.session.study.seed, self.session.device, keep=len(models) > 1)
            for _, same_model in models:
                try:
                    network = self.network(same_model[0].cell.model, pictures)
                except Exception:  # noqa: BLE001
                    yield from self._fail(same_model)
                    continue
                with network.evaluating():
                    for (condition, _), same in _grouped(same_model, lambda task: (task.cell.condition, task.rows)):
                        yield from self._condition(network, condition, same, stimuli)

    def network(self, model: Component, pictures: Pictures) -> Classifier:
        """Load a model and map its outputs to the data set's classes."""
        loaded = self.session.load(model)
        if not isinstance(loaded, Classifier):
            raise PluginError(
                f"model {model.text} loads a {type(loaded).__name__}; load(device) must return a Classifier"
            )
        with loaded.evaluating(), torch.no_grad():
            scores = loaded.logits(pictures.take([0], loaded.device).images)
        check_scores(scores, 1)
        mapping = match_labels(loaded.classes, scores.shape[1], pictures.dataset.classes, self.session.study.mapping)
        return attrs.evolve(loaded, mapping=mapping)

    def _condition(
        self, network: Classifier, condition: Condition, tasks: Sequence[Task], stimuli: Stimuli
    ) -> Iterator[Part]:
        """Ask one model under one condition: prediction, maps and probes of the same images."""
        place = {row: position for position, row in enumerate(stimuli.pictures.rows)}
        left = [place[row] for row in tasks[0].rows]
        gathered = [_Gathered(task) for task in tasks]
        while left and not all(one.error for one in gathered):
            began = time.perf_counter()
            try:
                asked = self._ask(network, condition, stimuli, left)
            except Exception:  # noqa: BLE001
                for one in gathered:
                    one.error = one.error or traceback.format_exc()
                break
            shared = (time.perf_counter() - began) / len(tasks)
            for one in gathered:
                began = time.perf_counter()
                one.gather(asked)
                one.seconds += shared + time.perf_counter() - began
                self.report(len(asked), one.task.cell.title)
            left = left[len(asked) :]
        attributes = self._attributes(network, condition)
        for one in gathered:
            if one.error:
                self._failed.add(one.task.record.key)
                self.report(len(left), one.task.cell.title)
            yield one.part(attributes)

    def _ask(self, network: Classifier, condition: Condition, stimuli: Stimuli, positions: Sequence[int]) -> Asked:
        """Ask about the first of some stimuli, as many as fit into memory."""
        return self.session.memory.fit(
            "batch", lambda size: Asked.about(self.session, network, condition, stimuli, positions[:size])
        )

    def _attributes(self, network: Classifier, condition: Condition) -> dict[str, Any]:
        """Say how the answers came about, for the record."""
        mapping, eps = network.mapping, budgets(condition)
        return {
            "device": str(network.device),
            "precision": self.session.precision,
            "mapping": mapping.to_json() if mapping else "",
            "mapping_name": mapping.name if mapping else "",
            **({"eps": json.dumps(eps) if len(eps) > 1 else eps[0]} if eps else {}),
        }


@attrs.define(eq=False)
class _Gathered:
    """The answers of one task, batch by batch; after an error it takes no more."""

    task: Task
    pieces: dict[str, list[NDArray[Any]]] = attrs.field(factory=dict)
    seconds: float = 0.0
    error: str = ""

    def gather(self, asked: Asked) -> None:
        if self.error:
            return
        try:
            for name, array in asked.answer(self.task.cell).items():
                if len(array) != len(asked):
                    raise PluginError(f"{name} has {len(array)} entries for {len(asked)} images")  # noqa: TRY301
                self.pieces.setdefault(name, []).append(array)
        except Exception:  # noqa: BLE001 - a failure belongs to its cell
            self.error = traceback.format_exc()

    def part(self, attributes: Mapping[str, Any]) -> Part:
        rows = np.array(self.task.rows)
        if self.error:
            return Part(self.task.record, rows, status="failed", error=self.error)
        arrays = {name: np.concatenate(pieces) for name, pieces in self.pieces.items()}
        return Part(self.task.record, rows, arrays, {**attributes, "seconds": round(self.seconds, 4)})


def _dataset_part(work: Work, pictures: Pictures) -> DatasetPart:
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
            "note": getattr(pictures.dataset, "note", None),
        },
        pictures.known_masks(good),
    )


def _grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> list[tuple[_Key, list[_Item]]]:
    """Group items by a key, in the order of first appearance."""
    groups: dict[_Key, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def _key(component: Component) -> tuple[str, str, str]:
    return (component.kind, component.title, component.canonical)
