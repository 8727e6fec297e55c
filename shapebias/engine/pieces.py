"""Split a plan into pieces for several workers, and choose the pieces of one shard.

A piece has one part of a data set and one model, so that a worker loads each model once; the work of one model is split
between conditions if there is much of it.  The parts of cells are those of the whole plan, so no result depends on how
the plan is split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Self

import attrs

from shapebias.engine.cell_results import failed_part
from shapebias.engine.plan import Task, Work
from shapebias.errors import StudyError
from shapebias.store import CellRecord, ComponentRecord, Part
from shapebias.study import Cell, Study

__all__ = ["Sender", "SentWork", "Shard", "failed_parts", "pieces"]

_MOST_IMAGES = 2**15  # images times cells in one piece
_PIECES_PER_WORKER = 4  # so that the last ones end at about the same time


def pieces(works: Iterable[Work], workers: int) -> list[Work]:
    """Split the work of a plan into pieces of one model each, model after model.

    Args:
        works: the work of a plan.
        workers: the number of workers; each gets about four pieces or more, if there are enough conditions.

    Returns:
        The pieces; together they have all tasks of the work.
    """
    works = list(works)
    total = sum(_cost(work.tasks) for work in works)
    most = min(_MOST_IMAGES, total // (_PIECES_PER_WORKER * workers))
    by_model: dict[str, list[Work]] = {}
    for work in works:
        for piece in _cut_work(work, most):
            by_model.setdefault(piece.model.title, []).append(piece)
    return [piece for of_model in by_model.values() for piece in of_model]


def _cut_work(work: Work, most: int) -> Iterator[Work]:
    """Yield pieces of one model each; the tasks of one condition, which share its images, stay together."""
    by_model: dict[int, dict[int, list[Task]]] = {}
    for task in work.tasks:
        by_model.setdefault(id(task.cell.model), {}).setdefault(id(task.cell.condition), []).append(task)
    for by_condition in by_model.values():
        gathered: list[Task] = []
        for tasks in by_condition.values():
            if gathered and _cost(gathered) + _cost(tasks) > most:
                yield work.with_tasks(gathered)
                gathered = []
            gathered += tasks
        yield work.with_tasks(gathered)


def _cost(tasks: Iterable[Task]) -> int:
    return sum(len(task.rows) for task in tasks)


def failed_parts(work: Work, error: str) -> Iterator[Part]:
    """Yield the parts of cells that failed, for all of their images.

    Args:
        work: the cells.
        error: the traceback, or a sentence that says why.
    """
    for task in work.tasks:
        yield failed_part(task, task.rows, error)


@attrs.frozen
class Shard:
    """One of several shares of a study, each computed by a separate process.

    Args:
        number: from 1 to ``count``.
        count: the number of shares.

    Raises:
        StudyError: the number is out of range.

    >>> Shard.parse("2/3")
    Shard(number=2, count=3)
    """

    number: int
    count: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise StudyError(f"shard {self}: shards of {self.count} are numbered from 1/{self.count}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2/3``.

        Raises:
            StudyError: the text has another form.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not found:
            raise StudyError(f"shard {text!r}: write NUMBER/COUNT, for example 1/3, 2/3 and 3/3")
        return cls(int(found[1]), int(found[2]))

    def of(self, works: Iterable[Work]) -> Iterator[Work]:
        """Yield the share of this shard; the shares are disjoint and together have every task.

        The shares depend only on the study, so processes need not communicate.  A share is a run of consecutive pieces,
        model after model, so that a process loads few models.
        """
        works = list(works)
        cut = pieces(works, self.count)
        total, before, mine = sum(_cost(piece.tasks) for piece in cut), 0, set[int]()
        for piece in cut:
            cost = _cost(piece.tasks)
            if (2 * before + cost) * self.count // (2 * total) == self.number - 1:  # by the middle of the piece
                mine |= {id(task) for task in piece.tasks}
            before += cost
        for work in works:
            tasks = [task for task in work.tasks if id(task) in mine]
            if tasks:
                yield work.with_tasks(tasks)


@attrs.frozen
class SentWork:
    """A piece of work for another process that already has the study: positions in its lists instead of components.

    Args:
        dataset: position of the data set in the study.
        record: its identity in the store.
        rows: the rows of all images that the tasks need.
        cells: for each task the positions of model, condition, saliency method and probe; None for those that it lacks.
        tasks: for each task its record, key and rows.
    """

    dataset: int
    record: ComponentRecord
    rows: tuple[int, ...]
    cells: tuple[tuple[int | None, ...], ...]
    tasks: tuple[tuple[CellRecord, str, tuple[int, ...]], ...]

    def work(self, study: Study) -> Work:
        """Restore the piece of work, with the components of an equal study."""
        datasets, *lists = _lists(study)
        tasks: list[Task] = []
        for positions, task in zip(self.cells, self.tasks, strict=True):
            parts: list[Any] = [
                None if position is None else components[position]
                for components, position in zip(lists, positions, strict=True)
            ]
            tasks.append(Task(Cell(datasets[self.dataset], *parts), *task))
        dataset = study.images_for(datasets[self.dataset], tasks[0].cell.model)
        return Work(dataset, self.record, self.rows, tuple(tasks))


class Sender:
    """Converts work for a process that already has the study.

    Args:
        study: the study that the plan was made from.
    """

    def __init__(self, study: Study) -> None:
        self._datasets, *self._others = (
            {id(component): position for position, component in enumerate(components)} for components in _lists(study)
        )

    def sent(self, work: Work) -> SentWork:
        """Convert a piece of work."""
        cells = tuple(
            tuple(positions.get(id(part)) for positions, part in zip(self._others, _parts(task.cell), strict=True))
            for task in work.tasks
        )
        tasks = tuple((task.record, task.key, task.rows) for task in work.tasks)
        return SentWork(self._datasets[id(work.tasks[0].cell.dataset)], work.record, work.rows, cells, tasks)


def _lists(study: Study) -> tuple[tuple[Any, ...], ...]:
    return study.datasets, study.models, study.conditions, study.saliency, study.probes


def _parts(cell: Cell) -> tuple[object, ...]:
    return cell.model, cell.condition, cell.saliency, cell.probe
