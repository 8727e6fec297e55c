"""Merge stores whose cells agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs
import numpy as np

from shapebias.errors import StoreError, listed
from shapebias.files import new_file
from shapebias.store.listing import part_files, store_path
from shapebias.store.locking import WriterLock
from shapebias.store.os_errors import translate_os_errors
from shapebias.store.packing import write_store
from shapebias.store.reader import Store, join_cells, join_datasets
from shapebias.store.records import CellRecord, differently_scored
from shapebias.store.stored import StoredCell, StoredDataset
from shapebias.store.writer import stray_files

__all__ = ["merge"]

_WAY_OUT = "keep them apart, or compute one of them again"


def merge(paths: Sequence[str | Path], output: str | Path) -> None:
    """Merge several results files into a new, packed one.

    The files may have different cells, or different images of the same cell; where they overlap, they must agree.  The
    header, and with it the study, is that of the last file that has a study.  All shards of a study must be given, each
    once; together they make the whole study.

    Args:
        paths: the results files.
        output: a file that does not exist yet.

    Raises:
        StoreError: the output exists or cannot be written; a shard is missing or given twice; or two files disagree
            on the seed, the images of a data set, the settings or files of a cell, or an answer.

    >>> import tempfile, shapebias as sb
    >>> folder = Path(tempfile.mkdtemp())
    >>> for reliance in (0, 1):
    ...     study = sb.Study("stimuli:images=8,size=16", f"planted:reliance={reliance}")
    ...     sb.run(study, folder / f"{reliance}.h5", device="cpu").close()
    >>> merge([folder / "0.h5", folder / "1.h5"], folder / "both.h5")
    >>> len(sb.open(folder / "both.h5").cells())
    2
    """
    output = store_path(output)
    if not paths:
        raise StoreError(f"{output}: there is nothing to join; name at least one results file")
    with ExitStack() as opened:
        stores = [opened.enter_context(Store(path)) for path in paths]
        _check_shards(stores)
        _check_seeds(stores)
        _check_datasets(stores)
        _check_cells(stores)
        header = next((store.header for store in reversed(stores) if store.header.study), stores[-1].header)
        header = attrs.evolve(header, shard="")
        listings = [listing for store in stores for listing in store.listings]
        with translate_os_errors(output), WriterLock(output):
            if output.exists() or part_files(output):
                raise StoreError(f"{output} exists already; choose another output")
            for stray in stray_files(output):
                stray.unlink()
            with new_file(output) as temporary:
                write_store(temporary, header, join_datasets(listings), join_cells(listings))


def _check_shards(stores: Iterable[Store]) -> None:
    """Check that all shards of a study are given, each once.

    Raises:
        StoreError: some are missing or given twice; the message names them.
    """
    studies: dict[tuple[str, int], dict[int, list[Store]]] = {}
    for store in stores:
        own, _, of = store.header.shard.partition("/")
        if of:
            of_study = studies.setdefault((store.header.study, int(of)), {})
            of_study.setdefault(int(own), []).append(store)
    problems = []
    for (_, count), found in studies.items():
        for number in range(1, count + 1):
            files = " and ".join(str(store.path) for store in found.get(number, ()))
            if number not in found:
                problems.append(f"shard {number}/{count} is missing; compute it with --shard {number}/{count}")
            elif len(found[number]) > 1:
                problems.append(f"shard {number}/{count} is given more than once: {files}; name one of them")
    if problems:
        raise StoreError(listed("the shards cannot be joined:", problems))


def _check_seeds(stores: Sequence[Store]) -> None:
    for store in stores[1:]:
        if stores[0].header.seed != store.header.seed:
            raise StoreError(
                f"{stores[0].path} has seed {stores[0].header.seed} and {store.path} has seed {store.header.seed}: "
                f"their random numbers differ; {_WAY_OUT}"
            )


def _check_datasets(stores: Iterable[Store]) -> None:
    known: dict[str, list[tuple[Store, StoredDataset]]] = {}
    for store in stores:
        for dataset in store.datasets():
            before = known.setdefault(dataset.record.key, [])
            for other, same in before:
                if not _same_images(same, dataset):
                    raise StoreError(
                        f"{other.path} and {store.path} have different images or labels under the name {dataset.name}; "
                        f"{_WAY_OUT}"
                    )
            before.append((store, dataset))


def _same_images(first: StoredDataset, second: StoredDataset) -> bool:
    both = np.intersect1d(first.rows, second.rows)
    names = ("ids", "labels", "shape_labels", "texture_labels")
    return all(np.array_equal(first.array(name, both), second.array(name, both)) for name in names)


def _check_cells(stores: Iterable[Store]) -> None:
    known: dict[tuple[str, ...], list[tuple[Store, StoredCell]]] = {}
    for store in stores:
        for cell in store.cells():
            before = known.setdefault(_texts(cell.record), [])
            for other, same in before:
                if other is not store:
                    _check_cell(other, same, store, cell)
            before.append((store, cell))
    if problem := differently_scored(cell.record for cells in known.values() for _, cell in cells):
        raise StoreError(f"{problem}; {_WAY_OUT}")


def _check_cell(first: Store, one: StoredCell, second: Store, other: StoredCell) -> None:
    if one.record != other.record:
        how = f"computed with {_differing(one.record, other.record)}"
    elif not _same_answers(one, other):
        how = "with different answers"
    else:
        return
    raise StoreError(f"{first.path} and {second.path} have {other.name}, {how}; {_WAY_OUT}")


def _same_answers(first: StoredCell, second: StoredCell) -> bool:
    both = np.intersect1d(first.rows, second.rows)
    if not len(both) or "prediction" not in first.names or "prediction" not in second.names:
        return True
    return np.array_equal(first.array("prediction", both), second.array("prediction", both))


def _texts(record: CellRecord) -> tuple[str, ...]:
    return tuple("" if component is None else component.canonical for component in record.components().values())


def _differing(first: CellRecord, second: CellRecord) -> str:
    """Describe how the settings and files of two records with the same texts differ."""
    settings = [
        f"{name} {first.settings.get(name)} and {second.settings.get(name)}"
        for name in sorted(first.settings.keys() | second.settings.keys())
        if first.settings.get(name) != second.settings.get(name)
    ]
    roles = [role for role, component in first.components().items() if component != second.components()[role]]
    return ", ".join([*settings, *(f"different files of the {role}" for role in roles)])
