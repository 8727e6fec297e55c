"""Check a store: every checksum, every digest, every reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from shapebias.errors import StoreError
from shapebias.store.encoding import datasets_of, digest
from shapebias.store.reader import Store
from shapebias.store.scan import part_files
from shapebias.store.table import open_file
from shapebias.store.writer import stray_files

__all__ = ["verify"]

_BLOCK = 256


def verify(path: str | Path) -> list[str]:
    """Check the packed file and every part of a store, reading all of it.

    Args:
        path: the store.

    Returns:
        What is wrong, one line each; nothing where the store is whole.

    Raises:
        StoreError: there is no store at all.
    """
    path = Path(path)
    files = [*([path] if path.exists() else []), *part_files(path)]
    if not files:
        raise StoreError(f"{path}: there is no store, neither this file nor its parts; check the path")
    problems = [problem for file in files for problem in _check_file(file)]
    problems += [f"{stray}: left behind by a writer that was killed; it can be deleted" for stray in stray_files(path)]
    return problems or list(_check_references(path))


def _check_file(path: Path) -> Iterator[str]:
    try:
        with open_file(path) as file:
            groups: list[h5py.Group] = [file]
            file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
            for group in groups:
                yield from _check_group(path, group)
    except (OSError, KeyError, RuntimeError, ValueError, StoreError) as error:
        yield f"{path}: cannot be read: {' '.join(str(error).split())}"


def _check_group(path: Path, group: h5py.Group) -> Iterator[str]:
    if "digest" not in group.attrs:
        return
    if group.attrs["digest"] != digest(group):
        yield f"{path}: {group.name}: its attributes were changed (digest does not fit)"
    for dataset in datasets_of(group):
        try:
            for start in range(0, len(dataset), _BLOCK):
                dataset[start : start + _BLOCK]
        except (OSError, RuntimeError):
            yield f"{path}: {dataset.name}: damaged (checksum does not fit)"


def _check_references(path: Path) -> Iterator[str]:
    """Check that every cell's data set and images are there, and that its arrays are as long as its rows."""
    with Store(path) as store:
        datasets = {dataset.record.key: dataset for dataset in store.datasets()}
        for cell in store.cells():
            if not len(cell.rows):
                continue
            dataset = datasets.get(cell.record.dataset.key)
            if dataset is None:
                yield f"{path}: {cell.record.title}: its data set is not in the store"
            elif not np.isin(cell.rows, dataset.rows).all():
                yield f"{path}: {cell.record.title}: has images that its data set does not have"
            try:
                names = cell.names
            except StoreError as error:
                yield str(error)
                continue
            for name in names:
                if len(cell.array(name)) != len(cell.rows):
                    yield f"{path}: {cell.record.title}: {name} is not as long as its rows"
