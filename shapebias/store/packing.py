"""One file of many parts: arrays are joined, compressed chunks are copied as they are."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import h5py
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.store.encoding import Stored, create, read
from shapebias.store.joined_arrays import LATER, JoinedArrays, runs
from shapebias.store.layout import LIBVER, Facts, write_array, write_cell, write_dataset, write_header
from shapebias.store.os_errors import DeferredErrorFile
from shapebias.store.records import Header
from shapebias.store.stored import StoredCell, StoredDataset

__all__ = ["write_store"]

_BLOCK = 1024


def write_store(path: Path, header: Header, datasets: Iterable[StoredDataset], cells: Iterable[StoredCell]) -> None:
    """Write a packed store: the layout that ``docs/store.md`` describes.

    Args:
        path: a file to make; a name that nobody reads yet.
        header: what it says of itself.
        datasets, cells: what goes in, in this order.

    Raises:
        OSError: the disk is full; HDF5 itself would have ended the process.
        StoreError: a part is damaged, or parts of one cell do not fit together.
    """
    with contextlib.closing(DeferredErrorFile(path)) as stream:
        with h5py.File(stream, "w", libver=LIBVER) as file:
            positions: dict[str, str] = {}
            for number, dataset in enumerate(datasets):
                group = file.create_group(f"datasets/{number:04}")
                positions[dataset.record.key] = group.name
                _join_all(dataset, group, stream.check)
                write_array(group, "rows", dataset.rows)
                write_dataset(group, dataset.record, dataset.attributes)
            for number, cell in enumerate(cells):
                group = file.create_group(f"cells/{number:04}")
                if cell.record.dataset.key in positions:
                    group.attrs["dataset_group"] = positions[cell.record.dataset.key]
                _join_all(cell, group, stream.check)
                summary = Facts(cell.rows, cell.status, cell.error, cell.attributes)
                write_cell(group, cell.record, [*cell.done, *cell.failed], summary)
            for name in ("datasets", "cells"):
                file.require_group(name)
            write_header(file, header, "store")
            stream.check()
        stream.check()


def _join_all(table: JoinedArrays, group: h5py.Group, check: Callable[[], None]) -> None:
    for name in table.names:
        scale = _join(table, name, group, check).attrs.get("scale")
        if scale is not None:
            _join(table, scale, group, check)


def _join(table: JoinedArrays, name: str, group: h5py.Group, check: Callable[[], None]) -> h5py.Dataset:
    """Copy one array of all sources into one."""
    used = [(source, np.flatnonzero(table.source == number)) for number, source in enumerate(table.sources)]
    used = [
        (source, targets) for source, targets in used if len(targets) and (name not in LATER or name in source.names)
    ]
    examples = []
    for source, _ in used:
        with source.open() as found:
            examples.append(_example(name, found[name]))
    target = create(group, _common(table, examples), len(table.rows))
    if sum(len(targets) for _, targets in used) < len(table.rows):
        target[...] = 0
    for source, targets in used:
        with source.open() as found:
            _copy(found[name], table.position[targets], target, targets)
        check()
    return target


def _example(name: str, dataset: h5py.Dataset) -> Stored:
    facts = {key: value for key, value in dataset.attrs.items() if key not in ("encoding", "encoding_version")}
    return Stored(name, np.empty((0, *dataset.shape[1:]), dataset.dtype), dataset.attrs["encoding"], facts)


def _common(table: JoinedArrays, examples: list[Stored]) -> Stored:
    """Find the type that holds all of them: texts may differ in length."""
    if len({(example.encoding, example.values.shape) for example in examples}) > 1:
        shapes = sorted({f"{example.encoding} {example.values.shape[1:]}" for example in examples})
        raise StoreError(
            f"{table.name}: its parts differ in {examples[0].name!r} ({'; '.join(shapes)}), so they cannot be joined; "
            "they were made with different options: run the study again into another output"
        )
    dtype = np.result_type(*(example.values.dtype for example in examples))
    return attrs.evolve(examples[0], values=examples[0].values.astype(dtype))


def _copy(source: h5py.Dataset, positions: NDArray[np.int64], target: h5py.Dataset, targets: NDArray[np.int64]) -> None:
    """Copy some images: chunk by chunk where each image has its own, so that nothing is compressed again."""
    if _has_chunks_of_images(source) and _storage(source) == _storage(target):
        corners = [range(0, size, chunk) for size, chunk in zip(source.shape[1:], source.chunks[1:], strict=True)]
        for position, goal in zip(positions.tolist(), targets.tolist(), strict=True):
            for corner in itertools.product(*corners):
                mask, chunk = source.id.read_direct_chunk((position, *corner))
                target.id.write_direct_chunk((goal, *corner), chunk, mask)
        return
    for start in range(0, len(positions), _BLOCK):
        some = slice(start, start + _BLOCK)
        values = np.concatenate([read(source, run) for run in runs(positions[some])]).astype(target.dtype)
        done = 0
        for run in runs(targets[some]):
            count = run.stop - run.start
            target[run] = values[done : done + count]
            done += count


def _has_chunks_of_images(dataset: h5py.Dataset) -> bool:
    return dataset.chunks is not None and dataset.chunks[0] == 1 and dataset.compression is not None


def _storage(dataset: h5py.Dataset) -> tuple[object, ...]:
    return (
        *(dataset.dtype, dataset.shape[1:], dataset.chunks),
        *(dataset.compression, dataset.compression_opts, dataset.shuffle, dataset.fletcher32),
    )
