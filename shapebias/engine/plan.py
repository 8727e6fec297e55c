"""What is left to do: a study's cells against what the store already has, cut into work for at most 2,048 images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import attrs

from shapebias.engine.identity import Recorder
from shapebias.errors import DataError
from shapebias.images.decoded import first_sample
from shapebias.plugins.catalog import Component
from shapebias.store import CellRecord, ComponentRecord
from shapebias.study import Cell, Condition, Study

__all__ = ["Task", "Work", "check_needs", "evenly_spaced", "pixels", "plan"]

_PART_IMAGES = 2048
_USUAL_PIXELS = 224 * 224
_STIMULI_BYTES = 2**30  # the float32 stimuli of one part, kept while several models look at them


@attrs.frozen
class Task:
    """One cell, and the images of the part that it still lacks.

    Args:
        cell: what to compute.
        record: its identity in the store.
        rows: places of the images in the data set.
    """

    cell: Cell
    record: CellRecord
    rows: tuple[int, ...]


@attrs.frozen
class Work:
    """The tasks that share the images of one part: the unit that is computed in one place."""

    dataset: Component
    record: ComponentRecord
    rows: tuple[int, ...]
    tasks: tuple[Task, ...]


def evenly_spaced(count: int, limit: int | None) -> Sequence[int]:
    """Choose ``limit`` of ``count`` images, evenly spread, so that a sorted data set gives every class its share.

    >>> evenly_spaced(10, 4)
    [0, 2, 5, 7]
    """
    if limit is None or limit >= count:
        return range(count)
    return [position * count // limit for position in range(limit)]


def check_needs(dataset: Component, conditions: Iterable[Condition]) -> None:
    """Refuse conditions whose transforms need what a data set does not have, judged by its first readable image.

    Raises:
        DataError: the images have no mask, or there is no second image to be a partner.
    """
    needing = {need: step for condition in conditions for step in condition.steps for need in _needs(step)}
    if "partner" in needing and len(dataset.settings) == 1:
        raise DataError(
            f"{needing['partner'].text} takes another image of the data set as partner, and {dataset.text} has only one"
        )
    if "mask" in needing and _is_without_mask(dataset):
        raise DataError(
            f"{needing['mask'].text} needs the mask of the object, and the images of {dataset.text} have none; leave "
            "that condition out, or take a data set with masks, such as stimuli"
        )


def _needs(step: Component) -> Sequence[str]:
    return getattr(step.spec, "needs", ())


def _is_without_mask(dataset: Component) -> bool:
    try:
        return first_sample(dataset.settings, len(dataset.settings.classes)).mask is None
    except Exception:  # noqa: BLE001 - where none can be read, its cells will fail with the reason
        return False


def plan(study: Study, recorder: Recorder, stored: Mapping[str, Collection[int]]) -> list[Work]:
    """List the work that is left.

    Args:
        study: the study.
        recorder: makes the identities.
        stored: the rows that the store has of each cell, by the cell's key.

    Raises:
        DataError: a data set is empty.
    """
    cells = [(cell, recorder.cell(cell)) for cell in study.cells()]
    return [
        work
        for dataset in study.datasets
        for work in _plan_dataset(
            study,
            dataset,
            recorder.component(dataset),
            [(cell, record, set(stored.get(record.key, ()))) for cell, record in cells if cell.dataset is dataset],
        )
    ]


def _plan_dataset(
    study: Study, dataset: Component, record: ComponentRecord, cells: Sequence[tuple[Cell, CellRecord, set[int]]]
) -> list[Work]:
    count = len(dataset.settings)
    if count == 0:
        raise DataError(f"data set {dataset.text} has no images")
    answered = evenly_spaced(count, study.limit)
    explained = {answered[position] for position in evenly_spaced(len(answered), study.saliency_limit)}
    work = []
    size = max(1, min(_PART_IMAGES, _STIMULI_BYTES // (4 * 3 * pixels(dataset))))
    for start in range(0, len(answered), size):
        rows = tuple(answered[start : start + size])
        rows_explained = tuple(row for row in rows if row in explained)
        tasks = []
        for cell, identity, has in cells:
            wanted = rows if cell.saliency is None and cell.probe is None else rows_explained
            missing = tuple(row for row in wanted if row not in has) if has else wanted
            if missing:
                tasks.append(Task(cell, identity, missing))
        if tasks:
            needed = sorted({row for task in tasks for row in task.rows})
            work.append(Work(dataset, record, tuple(needed), tuple(tasks)))
    return work


def pixels(dataset: Component) -> int:
    """Count the pixels of one image of a data set; where none can be read, its cells will fail with the reason."""
    try:
        height, width, _ = first_sample(dataset.settings, len(dataset.settings.classes)).image.shape
    except Exception:  # noqa: BLE001 - a plugin raises what it likes
        return _USUAL_PIXELS
    return max(1, int(height * width))
