"""Remove cells from a store: a mistyped model, a condition that is not wanted after all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shapebias.errors import StoreError, listed, suggestion
from shapebias.store.layout import ROLES
from shapebias.store.ordering import in_study_order
from shapebias.store.results import Results
from shapebias.store.selection import matches
from shapebias.store.stored import StoredCell
from shapebias.store.writer import Writer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["drop"]


def drop(
    path: str | Path,
    *,
    dataset: str | Iterable[str] = (),
    model: str | Iterable[str] = (),
    condition: str | Iterable[str] = (),
    saliency: str | Iterable[str] = (),
    probe: str | Iterable[str] = (),
    dry_run: bool = False,
) -> pd.DataFrame:
    """Remove cells from a results file, finished or failed, and data sets that then have no cells.

    Args:
        path: the results file, for example ``"run.h5"``.
        dataset, model, condition, saliency, probe: what to remove, each as tables name it or by any text that says
            enough.  Several texts of one kind remove the cells of each; several kinds, the cells that have all of them.
        dry_run: remove nothing.

    Returns:
        An overview of what was removed, or would be, as in :meth:`shapebias.Results.cells`.

    Raises:
        StoreError: no text is given, one of them fits nothing, no cell has all of them, or the file cannot be written.
    """
    given = {"dataset": dataset, "model": model, "condition": condition, "saliency": saliency, "probe": probe}
    wanted = {role: [texts] if isinstance(texts, str) else [*texts] for role, texts in given.items()}
    wanted = {role: texts for role, texts in wanted.items() if texts}
    if not wanted:
        raise StoreError(f"{path}: say what to remove: a {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    with Results(path) as results:
        table, cells = results.cells(), in_study_order(results.store)
        names = [dict(zip(ROLES, row, strict=True)) for row in table[[*ROLES]].itertuples(index=False)]
        found = _found(cells, names, wanted)
        header = results.store.header
    if not dry_run:
        with Writer(path, header) as writer:
            writer.discard([cells[position].record for position in found])
    return table.iloc[found].reset_index(drop=True)


def _found(
    cells: Sequence[StoredCell], names: Sequence[Mapping[str, str | None]], wanted: Mapping[str, Sequence[str]]
) -> list[int]:
    """Find the places of the cells that have one of the texts of every role."""
    fitting = {role: [_fitting(role, text, cells, names) for text in texts] for role, texts in wanted.items()}
    every = [set.union(*positions) for positions in fitting.values()]
    found = sorted(set.intersection(*every))
    if not found:
        asked = " and ".join(f"{role} {' or '.join(map(repr, texts))}" for role, texts in wanted.items())
        raise StoreError(f"no cell has {asked}; see 'shapebias results'")
    return found


def _fitting(role: str, text: str, cells: Sequence[StoredCell], names: Sequence[Mapping[str, str | None]]) -> set[int]:
    """Find the cells whose component is called so; a whole name counts before a text that fits several."""
    components = {position: cell.record.components()[role] for position, cell in enumerate(cells)}
    there = {position: component for position, component in components.items() if component is not None}
    exact = {position for position, one in there.items() if text in (names[position][role], one.title, one.canonical)}
    found = exact or {position for position, component in there.items() if matches(role, text, component)}
    if not found:
        known = list(dict.fromkeys(str(names[position][role]) for position in there))
        close = suggestion(text, known)
        raise StoreError(listed(f"no {role} is called {text!r}{close}; there are:", known or ["none at all"]))
    return found
