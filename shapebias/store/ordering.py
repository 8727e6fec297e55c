"""The order of a study: tables show its models and conditions as the user wrote them, and others by their numbers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from shapebias.spelling.grammar import natural, split_label
from shapebias.store.reader import Store
from shapebias.store.records import ComponentRecord
from shapebias.store.stored import StoredCell
from shapebias.study.stored_text import current_text

__all__ = ["in_study_order"]

_LISTS = {
    "dataset": "datasets",
    "model": "models",
    "condition": "conditions",
    "saliency": "saliency",
    "probe": "probes",
}


def in_study_order(store: Store) -> list[StoredCell]:
    """List the cells as the latest study lists them; what it does not have comes last, sorted by the numbers in it."""
    study = tomllib.loads(store.header.study) if store.header.study else {}
    ranks = {
        role: {split_label(text)[1]: rank for rank, text in enumerate(study.get(name, []))}
        for role, name in _LISTS.items()
    }

    def position(cell: StoredCell) -> list[tuple[int, list[tuple[float, str]]]]:
        return [
            (-1, []) if component is None else (_rank(ranks[role], role, component), _key(component))
            for role, component in cell.record.components().items()
        ]

    return sorted(store.cells(), key=position)


def _rank(ranks: Mapping[str, int], role: str, component: ComponentRecord) -> int:
    if component.canonical in ranks:
        return ranks[component.canonical]
    return ranks.get(current_text(role, component.canonical), len(ranks))


def _key(component: ComponentRecord) -> list[tuple[float, str]]:
    """Sort by value, and the images as they are before whatever was made of them."""
    return natural("" if component.canonical == "clean" else component.canonical)
