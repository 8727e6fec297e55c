"""The order of cells in tables: as the study lists them; others are sorted by the numbers in their texts."""

from __future__ import annotations

from collections.abc import Mapping

from shapebias.errors import ShapebiasError, StoreError
from shapebias.spelling.grammar import natural_sort_key, split_label
from shapebias.store.reader import Store
from shapebias.store.records import ComponentRecord
from shapebias.store.stored import StoredCell
from shapebias.study.config import parse_toml
from shapebias.study.stored_text import current_text

__all__ = ["cells_in_study_order"]

_LISTS = {
    "dataset": "datasets",
    "model": "models",
    "condition": "conditions",
    "saliency": "saliency",
    "probe": "probes",
}


def cells_in_study_order(store: Store) -> list[StoredCell]:
    """List the cells in the order of the latest study; other cells come last, sorted by the numbers in their texts."""
    try:
        study = parse_toml(store.header.study, "study")
        ranks = {
            role: {split_label(text)[1]: rank for rank, text in enumerate(study.get(name, []))}
            for role, name in _LISTS.items()
        }
    except (ShapebiasError, AttributeError, TypeError) as error:
        raise StoreError(
            f"{store.path} is damaged (its study cannot be read: {error}); see 'shapebias verify'"
        ) from error

    known: dict[tuple[str, str | None], tuple[int, list[tuple[float, str]]]] = {}  # many cells share a component

    def rank(cell: StoredCell) -> list[tuple[int, list[tuple[float, str]]]]:
        found = []
        for role, component in cell.record.components().items():
            name = role, None if component is None else component.canonical
            if name not in known:
                known[name] = (-1, []) if component is None else (_rank(ranks[role], role, component), _key(component))
            found.append(known[name])
        return found

    return sorted(store.cells(), key=rank)


def _rank(ranks: Mapping[str, int], role: str, component: ComponentRecord) -> int:
    if not ranks or component.canonical in ranks:  # converting a text may import torch
        return ranks.get(component.canonical, 0)
    return ranks.get(current_text(role, component.canonical), len(ranks))


def _key(component: ComponentRecord) -> list[tuple[float, str]]:
    """Return a sort key that compares numbers by value and puts ``clean`` first."""
    return natural_sort_key("" if component.canonical == "clean" else component.canonical)
