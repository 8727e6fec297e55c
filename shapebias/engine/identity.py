"""What makes a stored answer the one that a study asks for: texts, files, settings; and what to say if they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from shapebias import files
from shapebias.errors import StudyError, listed
from shapebias.plugins.catalog import Component
from shapebias.store import CellRecord, ComponentRecord, StoredCell
from shapebias.study import Cell, Condition, Study
from shapebias.study.stored_text import current_text

__all__ = ["Recorder", "changed_cells", "current", "explain_changes", "fingerprints"]


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
                files=fingerprints(component),
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


def fingerprints(component: Component | Condition) -> dict[str, str]:
    """Fingerprint what a component names; a data set or a live network may know better what it is made of."""
    settings = component.settings if isinstance(component, Component) else None
    own = getattr(settings, "fingerprint", None)
    if isinstance(own, str):
        return {"its content": own}
    return {str(path): files.fingerprint(path) for path in component.files}


def current(record: CellRecord) -> CellRecord:
    """Bring a stored cell's texts up to date, see :func:`shapebias.study.stored_text.current_text`."""
    texts: dict[str, Any] = {
        role: attrs.evolve(component, canonical=current_text(role, component.canonical))
        for role, component in record.components().items()
        if component is not None
    }
    return attrs.evolve(record, **texts)


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
