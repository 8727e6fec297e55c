"""The order of a study: tables show its models and conditions as the user wrote them."""

from __future__ import annotations

import tomllib

from shapebias.grammar import split_label
from shapebias.store.reader import Store
from shapebias.store.stored import StoredCell

__all__ = ["in_study_order"]

_LISTS = {
    "dataset": "datasets",
    "model": "models",
    "condition": "conditions",
    "saliency": "saliency",
    "probe": "probes",
}


def in_study_order(store: Store) -> list[StoredCell]:
    """List the cells as the latest study lists them; what it no longer has comes last."""
    study = tomllib.loads(store.header.study) if store.header.study else {}
    ranks = {
        role: {split_label(text)[1]: rank for rank, text in enumerate(study.get(name, []))}
        for role, name in _LISTS.items()
    }

    def place(cell: StoredCell) -> list[int]:
        return [
            -1 if component is None else ranks[role].get(component.canonical, len(ranks[role]))
            for role, component in cell.record.components().items()
        ]

    return sorted(store.cells(), key=place)
