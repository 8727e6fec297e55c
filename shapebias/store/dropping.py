"""Remove cells of a store, such as those of a mistyped model, and rename components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shapebias.errors import StoreError, listed, suggestion
from shapebias.store.layout import ROLES
from shapebias.store.ordering import cells_in_study_order
from shapebias.store.results import Results
from shapebias.store.selection import matches
from shapebias.store.stored import StoredCell
from shapebias.store.writer import Writer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["drop", "rename"]


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
    """Remove finished and failed cells from a results file, and data sets that then have no cells.

    Args:
        path: the results file, for example ``"run.h5"``.
        dataset, model, condition, saliency, probe: what to remove: the name in tables, or any text that
            identifies it; none by default.  Several texts of one kind select the cells of each; several kinds select
            the cells that match all kinds.
        dry_run: only return what would be removed; false by default.

    Returns:
        A table of the removed cells, as in :meth:`shapebias.Results.cells`.

    Raises:
        StoreError: no text is given, a text matches nothing, no cell matches all kinds, or the file cannot be written.

    >>> import tempfile, shapebias as sb
    >>> path = Path(tempfile.mkdtemp(), "run.h5")
    >>> study = sb.Study("stimuli:images=8,size=16", "planted:reliance=1", ["clean", "grayscale"])
    >>> sb.run(study, path, device="cpu").close()
    >>> drop(path, condition="grayscale")["images"].tolist()
    [8]
    """
    given = {"dataset": dataset, "model": model, "condition": condition, "saliency": saliency, "probe": probe}
    wanted = {role: [texts] if isinstance(texts, str) else [*texts] for role, texts in given.items()}
    wanted = {role: texts for role, texts in wanted.items() if texts}
    if not wanted:
        raise StoreError(f"{path}: name what to remove: a {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    with Results(path) as results:
        table, cells = results.cells(), cells_in_study_order(results.store)
        names = [dict(zip(ROLES, row, strict=True)) for row in table[[*ROLES]].itertuples(index=False)]
        selected = _select(cells, names, wanted)
        header = results.store.header
    if not dry_run:
        with Writer(path, header) as writer:
            writer.discard([cells[position].record for position in selected])
    return table.iloc[selected].reset_index(drop=True)


def rename(path: str | Path, role: str, name: str, to: str) -> int:
    """Change the name of a component in the tables of a results file; its identity and its answers do not change.

    Args:
        path: the results file, for example ``"run.h5"``.
        role: ``dataset``, ``model``, ``condition``, ``saliency`` or ``probe``.
        name: its name in tables, or any text that identifies it.
        to: the new name.

    Returns:
        The number of cells that have the new name.

    Raises:
        StoreError: no component or several have this name, another one has the new name, or the file cannot be
            written.

    >>> import tempfile, shapebias as sb
    >>> path = Path(tempfile.mkdtemp(), "run.h5")
    >>> sb.run(sb.Study("stimuli:images=8,size=16", "planted:reliance=1"), path, device="cpu").close()
    >>> rename(path, "model", "planted:reliance=1", "shape-biased")
    1
    """
    if role not in ROLES:
        raise StoreError(f"no role is called {role!r}; there are {', '.join(ROLES)}")
    if not to.strip():
        raise StoreError("the new name is empty; give one")
    with Results(path) as results:
        cells = cells_in_study_order(results.store)
        names = [dict(zip(ROLES, row, strict=True)) for row in results.cells()[[*ROLES]].itertuples(index=False)]
        header = results.store.header
    selected = _matching(role, name, cells, names)
    keys = {component.key for at in selected if (component := cells[at].record.components()[role]) is not None}
    if len(keys) > 1:
        known = dict.fromkeys(str(names[at][role]) for at in sorted(selected))
        raise StoreError(listed(f"{name!r} fits more than one {role}; say which:", [*known]))
    if any(names[at][role] == to for at in range(len(cells)) if at not in selected):
        raise StoreError(f"another {role} is called {to!r}; choose another name")
    with Writer(path, header) as writer:
        writer.retitle({(role, key): to for key in keys})
    return len(selected)


def _select(
    cells: Sequence[StoredCell], names: Sequence[Mapping[str, str | None]], wanted: Mapping[str, Sequence[str]]
) -> list[int]:
    """Return the positions of the cells that match one of the texts of every role."""
    matching = {role: [_matching(role, text, cells, names) for text in texts] for role, texts in wanted.items()}
    every = [set.union(*positions) for positions in matching.values()]
    selected = sorted(set.intersection(*every))
    if not selected:
        asked = " and ".join(f"{role} {' or '.join(map(repr, texts))}" for role, texts in wanted.items())
        raise StoreError(f"no cell has {asked}; see 'shapebias results'")
    return selected


def _matching(role: str, text: str, cells: Sequence[StoredCell], names: Sequence[Mapping[str, str | None]]) -> set[int]:
    """Return the positions of the cells whose component has this name, or else matches this text."""
    optional = {position: cell.record.components()[role] for position, cell in enumerate(cells)}
    components = {position: component for position, component in optional.items() if component is not None}
    exact = {
        position
        for position, component in components.items()
        if text in (names[position][role], component.title, component.canonical)
    }
    selected = exact or {position for position, component in components.items() if matches(role, text, component)}
    if not selected:
        known = list(dict.fromkeys(str(names[position][role]) for position in components))
        close = suggestion(text, known)
        raise StoreError(listed(f"no {role} is called {text!r}{close}; there are:", known or ["none at all"]))
    return selected
