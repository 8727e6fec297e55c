"""Check a store: every checksum, every digest, every reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from shapebias.errors import StoreError
from shapebias.paths import as_path
from shapebias.store.encoding import VERSIONS, datasets_of, digest
from shapebias.store.index import group_digests, index_text, read_index
from shapebias.store.joined_arrays import open_file
from shapebias.store.listing import ListedCell, ListedDataset, list_file, part_files, part_path
from shapebias.store.reader import Store
from shapebias.store.writer import stray_files

__all__ = ["verify"]

_BLOCK = 256
_UNSEALED = {"datasets", "cells", "parts", "extras", "values"}


def verify(path: str | Path) -> list[str]:
    """Check the packed file and every part of a store, reading all of it.

    Args:
        path: the store.

    Returns:
        One line for each problem; empty where the store is intact.

    Raises:
        StoreError: there is no store.
    """
    path = as_path(path)
    files = [*([path] if path.exists() else []), *part_files(path)]
    if not files:
        raise StoreError(f"{path}: there is no store, neither this file nor its parts; check the path")
    problems = [f"{file}: {problem}" for file in files for problem in _check_file(path, file)]
    strays = [
        f"{stray}: left by a writer that was killed; delete it, or run the study again" for stray in stray_files(path)
    ]
    return [*(problems or (f"{path}: {problem}" for problem in _check_references(path))), *strays]


def _check_file(store: Path, path: Path) -> Iterator[str]:
    try:
        with open_file(path) as file:
            listing = list_file(file, keep_open=False, by_index=False)
            if indexed := read_index(file, keep_open=False):
                digests = group_digests(file)
                if index_text(*indexed, digests) != index_text(listing.datasets, listing.cells, digests):
                    yield "its index does not match its groups: restore the file from a copy"
            groups: list[h5py.Group] = [file]
            file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
            for group in groups:
                yield from _check_group(group)
            parts: list[ListedCell | ListedDataset] = [*listing.cells, *listing.datasets]
            for found in parts:
                if file[found.source.group].attrs["key"] != found.record.key:
                    yield f"{found.source.group}: its key does not match its texts"
                rows = found.parts[0].rows if isinstance(found, ListedCell) else found.source.rows
                if path != store and path != part_path(store, found.record.key, rows):
                    yield "its name belongs to another part"
    except Exception as error:  # noqa: BLE001 - damage can make HDF5 raise anything
        yield f"cannot be read: {' '.join(str(error).split())}"


def _check_group(group: h5py.Group) -> Iterator[str]:
    name = group.name
    if "digest" not in group.attrs:
        if name.rpartition("/")[2] not in _UNSEALED:
            yield f"{name}: has no digest"
        return
    if group.attrs["digest"] != digest(group):
        yield f"{name}: its description was changed (the digest does not match)"
    count = len(group["rows"]) if "rows" in group else 0
    for dataset in datasets_of(group):
        if len(dataset) != count:
            yield f"{dataset.name}: has {len(dataset)} entries for {count} rows"
        if dataset.attrs["encoding_version"] > VERSIONS.get(dataset.attrs["encoding"], -1):
            yield f"{dataset.name}: has an encoding of a later version; upgrade shapebias"
        try:
            for start in range(0, len(dataset), _BLOCK):
                dataset[start : start + _BLOCK]
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
