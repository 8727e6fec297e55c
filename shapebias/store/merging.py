"""Join stores whose cells agree."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from shapebias.errors import StoreError
from shapebias.files import new_file
from shapebias.store.listing import part_files, store_path
from shapebias.store.locking import WriterLock
from shapebias.store.os_errors import translate_os_errors
from shapebias.store.packing import write_store
from shapebias.store.reader import Store, join_cells, join_datasets
from shapebias.store.records import CellRecord
from shapebias.store.stored import StoredCell, StoredDataset
from shapebias.store.writer import stray_files

__all__ = ["merge"]

_WAY_OUT = "keep them apart, or compute one of them again"


def merge(paths: Sequence[str | Path], output: str | Path) -> None:
    """Join several stores into a new, packed one.

    Stores may have different cells, or different images of the same cell; where they overlap, they must agree.  The
    header, and with it the study, is that of the last store that has a study.

    Args:
        paths: the stores.
        output: a file that does not exist yet.

    Raises:
        StoreError: the output exists or cannot be written; or two stores disagree in the seed, the images of a data
            set, the settings or files of a cell, or an answer.
    """
    output = store_path(output)
    if not paths:
        raise StoreError(f"{output}: there is nothing to join; name at least one results file")
    with ExitStack() as opened:
        stores = [opened.enter_context(Store(path)) for path in paths]
        for first, second in itertools.combinations(stores, 2):
            _check_seeds(first, second)
            _check_datasets(first, second)
            _check_cells(first, second)
        header = next((store.header for store in reversed(stores) if store.header.study), stores[-1].header)
        listings = [listing for store in stores for listing in store.listings]
        with translate_os_errors(output), WriterLock(output):
            if output.exists() or part_files(output):
                raise StoreError(f"{output} exists already; choose another output")
            for stray in stray_files(output):
                stray.unlink()
            with new_file(output) as temporary:
                write_store(temporary, header, join_datasets(listings), join_cells(listings))


def _check_seeds(first: Store, second: Store) -> None:
    if first.header.seed != second.header.seed:
        raise StoreError(
            f"{first.path} has seed {first.header.seed} and {second.path} has seed {second.header.seed}: their random "
            f"numbers differ; {_WAY_OUT}"
        )


def _check_datasets(first: Store, second: Store) -> None:
    known = {dataset.record.key: dataset for dataset in first.datasets()}
    for dataset in second.datasets():
        if dataset.record.key in known and not _same_images(known[dataset.record.key], dataset):
            raise StoreError(
                f"{first.path} and {second.path} have different images or labels under the name {dataset.name}; "
                f"{_WAY_OUT}"
            )


def _same_images(first: StoredDataset, second: StoredDataset) -> bool:
    both = np.intersect1d(first.rows, second.rows)
    names = ("ids", "labels", "shape_labels", "texture_labels")
    return all(np.array_equal(first.array(name, both), second.array(name, both)) for name in names)


def _check_cells(first: Store, second: Store) -> None:
    by_texts = {_texts(cell.record): cell for cell in first.cells()}
    for cell in second.cells():
        other = by_texts.get(_texts(cell.record))
        if other is None:
            continue
        if other.record != cell.record:
            how = f"computed with {_differing(other.record, cell.record)}"
        elif not _same_answers(other, cell):
            how = "with different answers"
        else:
            continue
        raise StoreError(f"{first.path} and {second.path} have {cell.name}, {how}; {_WAY_OUT}")


def _same_answers(first: StoredCell, second: StoredCell) -> bool:
    both = np.intersect1d(first.rows, second.rows)
    if not len(both) or "prediction" not in first.names or "prediction" not in second.names:
        return True
    return np.array_equal(first.array("prediction", both), second.array("prediction", both))


def _texts(record: CellRecord) -> tuple[str, ...]:
    return tuple("" if component is None else component.canonical for component in record.components().values())


def _differing(first: CellRecord, second: CellRecord) -> str:
    """Describe the settings, and the components' files, in which two records of the same texts differ."""
    settings = [
        f"{name} {first.settings.get(name)} and {second.settings.get(name)}"
        for name in sorted(first.settings.keys() | second.settings.keys())
        if first.settings.get(name) != second.settings.get(name)
    ]
    roles = [role for role, component in first.components().items() if component != second.components()[role]]
    return ", ".join([*settings, *(f"different files of the {role}" for role in roles)])
