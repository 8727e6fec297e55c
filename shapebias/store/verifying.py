"""Check a store: every checksum, every digest, every reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from h5py import h5o

from shapebias.errors import StoreError
from shapebias.files import file_stamp
from shapebias.store.checked_file import open_file
from shapebias.store.encoding import VERSIONS
from shapebias.store.index import index_problem
from shapebias.store.layout import check_format
from shapebias.store.listing import ListedCell, ListedDataset, list_file, part_files, part_path, store_path
from shapebias.store.locking import WriterLock
from shapebias.store.members import dataset_in, members
from shapebias.store.reader import Store
from shapebias.store.sealing import described
from shapebias.store.writer import stray_files

__all__ = ["verify"]

_BLOCK = 256
_UNSEALED = {"datasets", "cells", "parts", "extras", "values"}


def verify(path: str | Path) -> list[str]:
    """Check a results file and all its parts; everything is read.

    Args:
        path: the results file, for example ``"run.h5"``.

    Returns:
        One line for each problem; empty if the file is intact.

    Raises:
        StoreError: there is no store.

    >>> import tempfile, shapebias as sb
    >>> path = Path(tempfile.mkdtemp(), "run.h5")
    >>> sb.run(sb.Study("stimuli:images=8,size=16", "planted:reliance=1"), path, device="cpu").close()
    >>> verify(path)
    []
    """
    path = store_path(path)
    parts = part_files(path)
    if not parts and not path.exists():
        raise StoreError(f"{path}: there is no store, neither this file nor its parts; check the path")
    # A run may pack meanwhile.  It removes parts only after the packed file is in place, so that file is checked last.
    problems = [f"{file}: {problem}" for file in parts for problem in _check_file(path, file)]
    problems += [f"{path}: {problem}" for problem in _check_packed(path)]
    return [*(problems or (f"{path}: {problem}" for problem in _check_references(path))), *_strays(path)]


def _check_packed(path: Path) -> list[str]:
    """Check the packed file, again if it was replaced meanwhile."""
    while True:
        before = file_stamp(path)
        problems = list(_check_file(path, path))
        if file_stamp(path) == before:
            return problems


def _strays(path: Path) -> list[str]:
    """Describe the temporary files that no process is writing."""
    strays = stray_files(path)
    if strays and WriterLock(path).is_held():
        return []
    return [
        f"{stray}: left by a writer that was killed; delete it, or run the study again"
        for stray in strays
        if stray.exists()
    ]


def _check_file(store: Path, path: Path) -> list[str]:
    """Check one file; a file that is missing has been packed since."""
    try:
        with open_file(path) as file:
            return list(_check_content(store, path, file))
    except FileNotFoundError:
        return []
    except Exception as error:  # noqa: BLE001 - damage can make HDF5 raise anything
        return [f"cannot be read: {' '.join(str(error).split())}"]


def _check_content(store: Path, path: Path, file: h5py.File) -> Iterator[str]:
    check_format(file)
    h5o.get_info(file.id)  # compares the checksums of all of HDF5's tables of the root; members() does so for the rest
    problems = [problem for group in _groups(file) for problem in _check_group(group)]
    yield from problems
    if problems:
        return
    listing = list_file(file, keep_open=False, by_index=False)
    problem = index_problem(file, listing.datasets, listing.cells)
    if problem is not None:
        yield f"{problem}: restore the file from a copy"
    listed: list[ListedCell | ListedDataset] = [*listing.cells, *listing.datasets]
    for found in listed:
        group = file[found.source.group]
        if group.attrs["key"] != found.record.key:
            yield f"{found.source.group}: its key does not match its texts"
        rows = found.parts[0].rows if isinstance(found, ListedCell) else found.source.rows
        if path != store and path != part_path(store, found.record.key, rows):
            yield "its name belongs to another part"


def _groups(group: h5py.Group) -> Iterator[h5py.Group]:
    """Yield a group and all groups in it."""
    yield group
    for _, item in members(group):
        if isinstance(item, h5py.Group):
            yield from _groups(item)


def _check_group(group: h5py.Group) -> Iterator[str]:
    name = group.name
    if "digest" not in group.attrs:
        if name.rpartition("/")[2] not in _UNSEALED:
            yield f"{name}: has no digest"
        return
    found = described(group)
    if found.attributes["digest"] != found.digest:
        yield f"{name}: its description was changed (the digest does not match)"
    count = len(found.arrays["rows"]) if "rows" in found.arrays else 0
    for own_name, facts in found.array_attributes.items():
        dataset = found.arrays[own_name]
        if len(dataset) != count:
            yield f"{dataset.name}: has {len(dataset)} entries for {count} rows"
        if facts["encoding_version"] > VERSIONS.get(facts["encoding"], -1):
            yield f"{dataset.name}: has an encoding of a later version; upgrade shapebias"
        yield from _check_numbers(group, own_name, dataset)


def _check_numbers(group: h5py.Group, name: str, dataset: h5py.Dataset) -> Iterator[str]:
    try:
        dataset_in(group, name)
        for start in range(0, len(dataset), _BLOCK):
            dataset[start : start + _BLOCK]
    except StoreError as error:
        yield str(error)
    except (OSError, RuntimeError):
        yield f"{dataset.name}: is damaged (a checksum does not match)"


def _check_references(path: Path) -> Iterator[str]:
    """Check that every cell's data set and images are there, and that its parts fit together."""
    with Store(path) as store:
        datasets = {dataset.record.key: dataset for dataset in store.datasets()}
        for cell in store.cells():
            dataset = datasets.get(cell.record.dataset.key)
            if dataset is None:
                if len(cell.rows):
                    yield f"{cell.name}: its data set is not in the store"
            elif not np.isin(cell.rows, dataset.rows).all():
                yield f"{cell.name}: has images that its data set does not have"
            for table in (cell, dataset) if dataset else (cell,):
                try:
                    _ = table.names
                except StoreError as error:
                    yield str(error)
