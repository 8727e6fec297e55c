"""What remains to compute: a study's cells without the stored images, split into work of at most 2,048 images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from shapebias.engine.batch_size import check_counts
from shapebias.engine.identity import IdentifiedCell
from shapebias.errors import DataError
from shapebias.images.first import FirstImages
from shapebias.plugins.catalog import Component
from shapebias.runtime.device import Precision
from shapebias.store import CellRecord, ComponentRecord
from shapebias.study import Cell, Condition, Study

__all__ = [
    "ComputeOptions",
    "Plan",
    "Task",
    "Work",
    "all_works",
    "check_needs",
    "evenly_spaced",
    "plan_works",
    "without_stored",
]

_PART_IMAGES = 2048
_STIMULI_BYTES = 2**30  # the float32 stimuli of one part, kept while several models use them


@attrs.frozen
class Task:
    """One cell, and the images of the part that it still lacks.

    Args:
        cell: the cell.
        record: its identity in the store.
        key: the hash of the record.
        rows: the rows of the images in the data set.
    """

    cell: Cell
    record: CellRecord
    key: str
    rows: tuple[int, ...]


@attrs.frozen
class Work:
    """A piece of work: the tasks that share the images of one part, which one process computes.

    Args:
        dataset: the data set, in the crop of the models of the tasks where each model has its own.
        record: its identity in the store.
        rows: the rows of all images that the tasks need.
        tasks: the tasks.
    """

    dataset: Component
    record: ComponentRecord
    rows: tuple[int, ...]
    tasks: tuple[Task, ...]

    @property
    def model(self) -> Component:
        """The model of the first task, and of all tasks after :func:`shapebias.engine.pieces.pieces`."""
        return self.tasks[0].cell.model

    def with_tasks(self, tasks: Collection[Task]) -> Work:
        """Return the same work with some of its tasks, and only the images that these need.

        Args:
            tasks: at least one of its tasks.
        """
        if len(tasks) == len(self.tasks):
            return self
        rows = tuple(sorted({row for of_task in {task.rows for task in tasks} for row in of_task}))
        return attrs.evolve(self, rows=rows, tasks=tuple(tasks))

    def without(self, done: Mapping[str, Collection[int]]) -> Work | None:
        """Return the remaining work, or None.

        Args:
            done: the finished rows, by the cell's key.
        """
        tasks = []
        for task in self.tasks:
            known = done.get(task.key)
            rows = tuple(row for row in task.rows if row not in known) if known else task.rows
            if rows:
                tasks.append(attrs.evolve(task, rows=rows) if known else task)
        if not tasks:
            return None
        needed = {row for of_task in {task.rows for task in tasks} for row in of_task}
        return attrs.evolve(self, rows=tuple(sorted(needed)), tasks=tuple(tasks))

    def by_condition(self) -> list[Work]:
        """Split the work by condition; the tasks of one condition share its images."""
        groups: dict[int, list[Task]] = {}
        for task in self.tasks:
            groups.setdefault(id(task.cell.condition), []).append(task)
        return [self.with_tasks(tasks) for tasks in groups.values()]


@attrs.frozen
class ComputeOptions:
    """Settings of the computation, which change its speed but, except for the precision, no result.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        batch_size: the most images in one forward pass; None chooses by the device and the size of the images.
        chunk: the most images in one forward and backward pass; None chooses in the same way.
        precision: of predictions; attacks and saliency always run in float32.
        workers: threads that decode images; None takes one per core, at most 8.

    Raises:
        StudyError: a number is less than 1 or more than 2**31.
    """

    device: str = "auto"
    batch_size: int | None = None
    chunk: int | None = None
    precision: Precision = "float32"
    workers: int | None = None

    def __attrs_post_init__(self) -> None:
        check_counts(batch_size=self.batch_size, chunk=self.chunk, workers=self.workers)


@attrs.frozen
class Plan:
    """Everything that an executor needs; it can be pickled and computed elsewhere.

    Each piece of work can be computed separately, in any order.  Components are pickled as text; a live network is
    pickled itself, if that is possible.

    Args:
        study: the study: seed, mapping, what to store.
        options: settings of the computation.
        works: the pieces of work.
    """

    study: Study
    options: ComputeOptions
    works: tuple[Work, ...]

    @property
    def images(self) -> int:
        """The number of images of all tasks."""
        return sum(len(task.rows) for work in self.works for task in work.tasks)

    @property
    def pairs(self) -> list[tuple[Component, Component]]:
        """Every data set and model that are computed together, each once."""
        pairs = ((work.dataset, task.cell.model) for work in self.works for task in work.tasks)
        return list({(id(dataset), id(model)): (dataset, model) for dataset, model in pairs}.values())


def evenly_spaced(count: int, limit: int | None) -> Sequence[int]:
    """Choose ``limit`` of ``count`` rows, evenly spaced, so that every class of a sorted data set is represented.

    >>> evenly_spaced(10, 4)
    [0, 2, 5, 7]
    """
    if limit is None or limit >= count:
        return range(count)
    return [position * count // limit for position in range(limit)]


def check_needs(dataset: Component, conditions: Iterable[Condition], first_images: FirstImages) -> None:
    """Check that a data set has the masks and partners that transforms need, by its first readable image.

    Raises:
        DataError: the images have no mask, or there is no second image to be a partner.
    """
    needing = {need: step for condition in conditions for step in condition.steps for need in step.spec.needs}
    if "partner" in needing and len(dataset.settings) == 1:
        raise DataError(
            f"{needing['partner'].text} takes another image of the data set as partner, and {dataset.text} has only one"
        )
    first = first_images.of(dataset) if "mask" in needing else None
    if first is not None and first.sample.mask is None:
        raise DataError(
            f"{needing['mask'].text} needs the mask of the object, and the images of {dataset.text} have none; leave "
            "that condition out, or take a data set with masks, such as stimuli"
        )


def plan_works(
    study: Study, cells: Sequence[IdentifiedCell], stored: Mapping[str, Collection[int]], first_images: FirstImages
) -> Iterator[Work]:
    """Yield the remaining work.

    Args:
        study: the study.
        cells: its cells.
        stored: the stored rows of each cell, by the cell's key.
        first_images: the first image of each data set; its size determines how many images a part has.

    Raises:
        DataError: a data set is empty.
    """
    return without_stored(all_works(study, cells, first_images), stored)


def all_works(study: Study, cells: Sequence[IdentifiedCell], first_images: FirstImages) -> Iterator[Work]:
    """Yield all work of a study, whatever the store has."""
    by_dataset: dict[int, tuple[Component, list[IdentifiedCell]]] = {}
    for each in cells:
        dataset = study.images_for(each.cell.dataset, each.cell.model)
        by_dataset.setdefault(id(dataset), (dataset, []))[1].append(each)
    for dataset, of_dataset in by_dataset.values():
        size = max(1, min(_PART_IMAGES, _STIMULI_BYTES // (4 * 3 * first_images.pixels(dataset))))
        yield from _cut_dataset(study, dataset, of_dataset, size)


def _cut_dataset(study: Study, dataset: Component, cells: Sequence[IdentifiedCell], part_size: int) -> Iterator[Work]:
    count = len(dataset.settings)
    if count == 0:
        raise DataError(f"data set {dataset.text} has no images")
    predicted = evenly_spaced(count, study.limit)
    explained = {predicted[position] for position in evenly_spaced(len(predicted), study.saliency_limit)}
    for start in range(0, len(predicted), part_size):
        rows = tuple(predicted[start : start + part_size])
        rows_explained = tuple(row for row in rows if row in explained)
        tasks = []
        for each in cells:
            wanted = rows if each.cell.kind == "prediction" else rows_explained
            if wanted:
                tasks.append(Task(each.cell, each.record, each.key, wanted))
        if tasks:
            yield Work(dataset, tasks[0].record.dataset, rows, tuple(tasks))


def without_stored(works: Iterable[Work], stored: Mapping[str, Collection[int]]) -> Iterator[Work]:
    """Remove stored rows from the tasks, and images that no task needs any more.

    Args:
        works: the pieces of work.
        stored: the stored rows of each cell, by the cell's key.
    """
    done = {key: frozenset(rows) for key, rows in stored.items()}
    for work in works:
        left = work.without(done)
        if left is not None:
            yield left
