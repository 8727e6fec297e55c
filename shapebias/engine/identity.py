"""What identifies a stored answer: texts, files and settings; and the error that describes changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from shapebias.errors import StudyError, listed
from shapebias.files import file_stamp, fingerprint
from shapebias.plugins.catalog import Component
from shapebias.store import CellRecord, ComponentRecord, StoredCell, differently_scored
from shapebias.study import Cell, Condition, Study
from shapebias.study.stored_text import current_text
from shapebias.study.study import USUAL_CROP

__all__ = [
    "ChangedCell",
    "CurrentCell",
    "IdentifiedCell",
    "Recorder",
    "check_scoring",
    "current",
    "current_text",
    "explain_changes",
    "find_changed",
]

# Cells of files that were written before a setting existed have its default, so the default is not written.
_UNSTATED = {"aggregate": "mean"}


@attrs.frozen
class IdentifiedCell:
    """A cell of a study with its identity in the store.

    Args:
        cell: the cell.
        record: its identity.
        key: the hash of the record.
    """

    cell: Cell
    record: CellRecord
    key: str


@attrs.frozen
class CurrentCell:
    """A cell of the store, with its texts in the current spelling.

    Args:
        stored: the cell of the store.
        record: its identity as this version writes it.
        key: the hash of the record.
        rows: the rows of the finished images.
    """

    stored: StoredCell
    record: CellRecord
    key: str
    rows: tuple[int, ...]

    @classmethod
    def of(cls, stored: StoredCell) -> CurrentCell:
        """Convert the texts of a stored cell to the current spelling."""
        record = current(stored.record)
        return cls(stored, record, record.key, tuple(stored.rows.tolist()))


@attrs.frozen
class ChangedCell:
    """A cell of the store that a study would compute with other files, another seed or other settings."""

    stored: StoredCell
    before: CellRecord
    now: CellRecord


class Recorder:
    """Identifies cells: canonical texts, fingerprints of the files that they name, and settings.

    Args:
        study: the study.
        precision: the precision of predictions.
    """

    def __init__(self, study: Study, precision: str) -> None:
        self._study, self._precision = study, precision
        self._records: dict[str, ComponentRecord] = {}
        self._stamps: dict[Path, tuple[int, ...]] = {}

    def component(self, component: Component | Condition, dataset: Component | None = None) -> ComponentRecord:
        """Record a component; every file is hashed once.

        Args:
            component: the component.
            dataset: the data set whose classes a model takes, for a model that needs them.
        """
        key = f"{getattr(component, 'kind', 'condition')} {component.title} {component.canonical}"
        classes = None
        if dataset is not None and isinstance(component, Component) and component.spec.needs_classes:
            key, classes = f"{key} for {dataset.canonical}", dataset.settings.classes
        if key not in self._records:
            for path in component.files:
                self._stamps.setdefault(path, file_stamp(path))
            providers = [component] if isinstance(component, Component) else component.steps
            files = component.fingerprints(classes) if isinstance(component, Component) else component.fingerprints()
            self._records[key] = ComponentRecord(
                canonical=component.canonical,
                title=component.title,
                provider=", ".join(dict.fromkeys(step.provider for step in providers)),
                files=files,
            )
        return self._records[key]

    def check_unchanged(self) -> None:
        """Check that no file has changed since it was hashed.

        Raises:
            StudyError: a file was replaced, so the loaded content may differ from the hashed one.
        """
        for path, before in self._stamps.items():
            if file_stamp(path) != before:
                raise StudyError(f"{path} changed while the study began; run the command again when it is complete")

    def cells(self) -> list[IdentifiedCell]:
        """Identify every cell of the study."""
        found = []
        for cell in self._study.cells():
            record = self.cell(cell)
            found.append(IdentifiedCell(cell, record, record.key))
        return found

    def cell(self, cell: Cell) -> CellRecord:
        """Record a cell."""
        study = self._study
        settings: dict[str, Any] = {"seed": study.seed}
        if study.mapping is not None:
            settings["mapping"] = fingerprint(study.mapping)
        if study.aggregate != _UNSTATED["aggregate"]:
            settings["aggregate"] = study.aggregate
        images = study.images_for(cell.dataset, cell.model)
        if images is not cell.dataset:
            stated = study.eval_crop(cell.model)
            settings["crop"] = str(stated) if stated else f"{USUAL_CROP}, as the model says none"
        if cell.kind == "prediction":
            settings |= {"logits": study.logits, "precision": self._precision, "images": study.keep_images}
        return CellRecord(
            self.component(cell.dataset),
            self.component(cell.model, cell.dataset),
            self.component(cell.condition),
            None if cell.saliency is None else self.component(cell.saliency),
            None if cell.probe is None else self.component(cell.probe),
            settings,
        )


def current(record: CellRecord) -> CellRecord:
    """Convert a stored cell's texts to the current spelling, see :func:`shapebias.study.stored_text.current_text`."""
    texts: dict[str, Any] = {
        role: attrs.evolve(component, canonical=current_text(role, component.canonical))
        for role, component in record.components().items()
        if component is not None
    }
    return attrs.evolve(record, **texts)


def find_changed(stored: Iterable[CurrentCell], wanted: Iterable[IdentifiedCell]) -> list[ChangedCell]:
    """Find stored cells that have the texts of a wanted cell, but other files, seed or settings."""
    by_texts = {_texts(each.record): each for each in wanted}
    changed = []
    for old in stored:
        new = by_texts.get(_texts(old.record))
        if new is not None and new.key != old.key:
            changed.append(ChangedCell(old.stored, old.record, new.record))
    return changed


def check_scoring(
    stored: Iterable[CurrentCell], wanted: Iterable[IdentifiedCell], replaced: Iterable[ChangedCell], output: object
) -> None:
    """Refuse to add answers whose class scores are made in another way than those of the same model in the file.

    Raises:
        StudyError: names the model, the data set and both ways.
    """
    gone = {each.stored.record.key for each in replaced}
    left = [each.record for each in stored if each.stored.record.key not in gone]
    if problem := differently_scored([*left, *(each.record for each in wanted)]):
        raise StudyError(f"{output}: {problem}; choose another output with -o")


def _texts(record: CellRecord) -> tuple[str, ...]:
    return tuple("" if component is None else component.canonical for component in record.components().values())


def explain_changes(changed: Sequence[ChangedCell], output: object) -> StudyError:
    """Make an error that says what changed between the stored cells and the study, and what to do."""
    reasons: dict[str, None] = {}
    for cell in changed:
        old, new = cell.before, cell.now
        for name in sorted(old.settings.keys() | new.settings.keys()):
            unstated = _UNSTATED.get(name, "none")
            before, now = old.settings.get(name, unstated), new.settings.get(name, unstated)
            if before != now:
                reasons[f"{name} was {before}, now {now}"] = None
        for role, component in new.components().items():
            known = old.components()[role]
            if component is not None and known is not None and dict(component.files) != dict(known.files):
                paths = [path for path in component.files if known.files.get(path) != component.files[path]]
                reasons[f"{role} {component.title}: {', '.join(paths) or 'its files'} changed since"] = None
    return StudyError(
        listed(f"{len(changed)} cell(s) of {output} were computed from other files or settings:", list(reasons))
        + "\nchoose another output with -o, restore what changed, or compute these cells again with --replace"
    )
