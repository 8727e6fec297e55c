"""What is left to do: a study's cells against what the store already has, cut into work for at most 2,048 images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from shapebias import files
from shapebias.catalog import Component, default_catalog
from shapebias.errors import DataError, ShapebiasError, StudyError, listed
from shapebias.specs import Kind
from shapebias.store import CellRecord, ComponentRecord, StoredCell
from shapebias.study import Cell, Condition, Study

__all__ = ["Recorder", "Task", "Work", "changed_cells", "plan", "spread"]

PART_IMAGES = 2048
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


def spread(count: int, limit: int | None) -> Sequence[int]:
    """Choose ``limit`` of ``count`` images, evenly spread, so that a sorted data set gives every class its share.

    >>> spread(10, 4)
    [0, 2, 5, 7]
    """
    if limit is None or limit >= count:
        return range(count)
    return [place * count // limit for place in range(limit)]


class Recorder:
    """Makes the identity of cells: canonical texts, fingerprints of the files that they name, and settings.

    Args:
        study: the study.
        precision: the precision of predictions.
    """

    def __init__(self, study: Study, precision: str) -> None:
        self._study, self._precision = study, precision
        self._records: dict[str, ComponentRecord] = {}

    def component(self, component: Component | Condition) -> ComponentRecord:
        """Record a component; every file is hashed once."""
        key = f"{getattr(component, 'kind', 'condition')} {component.title} {component.canonical}"
        if key not in self._records:
            providers = [component] if isinstance(component, Component) else component.steps
            self._records[key] = ComponentRecord(
                canonical=component.canonical,
                title=component.title,
                provider=", ".join(dict.fromkeys(step.provider for step in providers)),
                files=_fingerprints(component),
            )
        return self._records[key]

    def cell(self, cell: Cell) -> CellRecord:
        """Record a cell."""
        study = self._study
        settings: dict[str, Any] = {"seed": study.seed}
        if study.mapping is not None:
            settings["mapping"] = files.fingerprint(study.mapping)
        if cell.saliency is None and cell.probe is None:
            settings |= {"logits": study.logits, "precision": self._precision, "images": study.keep_images}
        return CellRecord(
            self.component(cell.dataset),
            self.component(cell.model),
            self.component(cell.condition),
            None if cell.saliency is None else self.component(cell.saliency),
            None if cell.probe is None else self.component(cell.probe),
            settings,
        )


def _fingerprints(component: Component | Condition) -> dict[str, str]:
    """Fingerprint what a component names; a data set may know better than its folder what its listing is."""
    settings = component.settings if isinstance(component, Component) else None
    own = getattr(settings, "fingerprint", None)
    if isinstance(own, str):
        return {"listing": own}
    return {str(path): files.fingerprint(path) for path in component.files}


def plan(
    study: Study, recorder: Recorder, stored: Mapping[str, Iterable[int]]
) -> list[Work]:
    """List the work that is left.

    Args:
        study: the study.
        recorder: makes the identities.
        stored: the rows that the store has of each finished cell, by the cell's key.

    Raises:
        DataError: a data set is empty.
    """
    work: list[Work] = []
    for dataset in study.datasets:
        count = len(dataset.settings)
        if count == 0:
            raise DataError(f"data set {dataset.text} has no images")
        wanted = spread(count, study.limit)
        explained = {wanted[place] for place in spread(len(wanted), study.saliency_limit)}
        cells = [cell for cell in study.cells() if cell.dataset == dataset and cell.dataset.title == dataset.title]
        missing = []
        for cell in cells:
            record = recorder.cell(cell)
            has = set(stored.get(record.key, ()))
            rows = [
                row for row in wanted if row not in has and (row in explained or not (cell.saliency or cell.probe))
            ]
            missing.append((cell, record, rows))
        for rows in _parts(wanted, _part_size(dataset)):
            inside = set(rows)
            tasks = [
                Task(cell, record, tuple(row for row in lacking if row in inside)) for cell, record, lacking in missing
            ]
            tasks = [task for task in tasks if task.rows]
            if tasks:
                needed = sorted({row for task in tasks for row in task.rows})
                work.append(Work(dataset, recorder.component(dataset), tuple(needed), tuple(tasks)))
    return work


def _part_size(dataset: Component) -> int:
    pixels = int(dataset.settings[0].image.size)
    return max(1, min(PART_IMAGES, _STIMULI_BYTES // (4 * pixels)))


def _parts(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def current(record: CellRecord) -> CellRecord:
    """Bring the texts of a stored cell up to date: a parameter that came later, at its old behaviour, changes nothing."""
    kinds: dict[str, Kind] = {"dataset": "dataset", "model": "model", "saliency": "saliency", "probe": "probe"}
    texts = {}
    for role, component in record.components().items():
        if component is not None:
            texts[role] = attrs.evolve(component, canonical=_current_text(kinds.get(role), component.canonical))
    return attrs.evolve(record, **texts)


def _current_text(kind: Kind | None, text: str) -> str:
    try:
        return Condition.parse(text).canonical if kind is None else default_catalog().component(kind, text).canonical
    except ShapebiasError:
        return text  # its plugin is not installed here, or it was a live network


def changed_cells(cells: Iterable[StoredCell], wanted: Iterable[CellRecord]) -> list[StoredCell]:
    """Find stored cells that have the texts of a wanted cell, but other files, seed or settings."""
    by_texts = {_texts(record): record for record in wanted}
    return [
        cell
        for cell in cells
        if (record := by_texts.get(_texts(current(cell.record)))) is not None and record.key != current(cell.record).key
    ]


def _texts(record: CellRecord) -> tuple[str, ...]:
    return tuple("" if component is None else component.canonical for component in record.components().values())


def explain_changes(changed: Sequence[StoredCell], wanted: Iterable[CellRecord], output: object) -> StudyError:
    """Say what changed between the stored cells and the study, and what can be done."""
    by_texts = {_texts(record): record for record in wanted}
    reasons: dict[str, None] = {}
    for cell in changed:
        old, new = current(cell.record), by_texts[_texts(current(cell.record))]
        for name in sorted(old.settings.keys() | new.settings.keys()):
            before, after = old.settings.get(name, "none"), new.settings.get(name, "none")
            if before != after:
                reasons[f"{name} was {before}, now {after}"] = None
        for role, component in old.components().items():
            now = new.components()[role]
            if component is not None and now is not None and dict(component.files) != dict(now.files):
                paths = [path for path in now.files if component.files.get(path) != now.files[path]]
                reasons[f"{role} {now.title}: {', '.join(paths) or 'its files'} changed since"] = None
    return StudyError(
        listed(f"{len(changed)} cell(s) of {output} were computed with something else:", list(reasons))
        + "\nchoose another output with -o, restore what changed, or compute these cells anew with --replace"
    )
