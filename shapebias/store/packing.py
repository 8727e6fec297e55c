"""Packing: copy the parts of a store into one file, with compressed chunks unchanged."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import h5py
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.store.columns import column
from shapebias.store.encoding import EncodedArray, read
from shapebias.store.group_writer import LIBVER, GroupWriter
from shapebias.store.index import INDEX, index_text
from shapebias.store.joined_arrays import ArraySource, JoinedArrays, runs
from shapebias.store.layout import MARKS, Facts, write_cell, write_dataset, write_header
from shapebias.store.listed import ListedCell, ListedDataset
from shapebias.store.members import dataset_in
from shapebias.store.os_errors import DeferredErrorFile
from shapebias.store.records import Header, Scalar
from shapebias.store.stored import StoredCell, StoredDataset

__all__ = ["write_store"]

_BLOCK = 1024
_OPEN_FILES = 64


def write_store(path: Path, header: Header, datasets: Iterable[StoredDataset], cells: Iterable[StoredCell]) -> None:
    """Write a packed store in the layout that ``docs/store.md`` describes.

    Args:
        path: the file to create, under a temporary name.
        header: its header.
        datasets, cells: its contents, in this order.

    Raises:
        OSError: the disk is full.
        StoreError: a part is damaged, or parts of one cell do not fit together.
    """
    with contextlib.closing(DeferredErrorFile(path)) as stream:
        with h5py.File(stream, "w", libver=LIBVER) as file:
            listed_datasets, listed_cells = [], []
            positions: dict[str, str] = {}
            digests: dict[str, str] = {}
            root = GroupWriter(file)
            for number, dataset in enumerate(datasets):
                group = root.below(f"datasets/{number:04}")
                positions[dataset.record.key] = group.group.name
                _join_all(dataset, group, stream.check)
                group.write_array("rows", dataset.rows)
                write_dataset(group, dataset.record, dataset.attributes)
                listed_datasets.append(ListedDataset(dataset.record, dataset.attributes, _source(dataset, path, group)))
                digests[group.group.name] = group.digest
            for number, cell in enumerate(cells):
                facts = {"dataset_group": positions.get(cell.record.dataset.key)}
                group = _write_cell(root, f"cells/{number:04}", cell, facts, stream.check)
                listed_cells.append(ListedCell(cell.record, _parts(cell), _source(cell, path, group)))
                digests[group.group.name] = group.digest
            for name in ("datasets", "cells"):
                file.require_group(name)
            root.write_attributes({INDEX: index_text(listed_datasets, listed_cells, digests)})
            write_header(root, header, "store")
            stream.check()
        stream.check()


def _write_cell(
    root: GroupWriter, name: str, cell: StoredCell, facts: Mapping[str, Scalar], check: Callable[[], None]
) -> GroupWriter:
    """Write a cell: as a copy of its part's file where that is in memory, else array by array."""
    image = cell.sources[0].kept if len(cell.sources) == 1 else None
    group = root.below(name) if image is None else root.below_from(name, image, MARKS)
    group.write_attributes(facts)
    if image is None:
        _join_all(cell, group, check)
        summary = Facts(cell.rows, cell.status, cell.error, cell.attributes)
        write_cell(group, cell.record, _parts(cell), summary)
    else:
        group.seal()
        check()
    return group


def _parts(cell: StoredCell) -> list[Facts]:
    return [*cell.done, *cell.failed]


def _source(arrays: JoinedArrays, path: Path, group: GroupWriter) -> ArraySource:
    """Describe the packed arrays."""
    return ArraySource(path, group.group.name, arrays.rows, frozenset(arrays.names))


def _join_all(arrays: JoinedArrays, group: GroupWriter, check: Callable[[], None]) -> None:
    if len(arrays.sources) == 1 and len(arrays.sources[0].rows) == len(arrays.rows):
        _copy_all(arrays, arrays.sources[0], group)
        check()
        return
    with _kept_open(arrays.sources) as sources:
        for name in arrays.names:
            scale = _join(arrays, sources, name, name, group, check)
            if scale:
                _join(arrays, sources, scale, name, group, check)


def _copy_all(arrays: JoinedArrays, source: ArraySource, group: GroupWriter) -> None:
    """Copy the arrays of the only source as they are."""
    with source.open() as origin:
        for name in arrays.names:
            _copy_whole(origin, name, group)


def _copy_whole(origin: h5py.Group, name: str, group: GroupWriter) -> None:
    """Copy an array whose images are all in one source, and its factors if it has some."""
    dataset = dataset_in(origin, name)
    if not _has_chunks_of_images(dataset):
        read(dataset, ())  # compares the checksums, so that damage is not copied
    group.copy(name, dataset)
    if scale := dataset.attrs.get("scale"):
        _copy_whole(origin, scale, group)


@contextlib.contextmanager
def _kept_open(sources: Sequence[ArraySource]) -> Iterator[Sequence[ArraySource]]:
    """Open the files of a few sources once for all arrays; the files of many sources are opened for each array."""
    with contextlib.ExitStack() as stack:
        few = len(sources) <= _OPEN_FILES
        yield [stack.enter_context(source.kept_open()) for source in sources] if few else sources


def _join(
    arrays: JoinedArrays,
    sources: Sequence[ArraySource],
    stored_name: str,
    name: str,
    group: GroupWriter,
    check: Callable[[], None],
) -> str | None:
    """Copy the data sets ``stored_name`` of all sources into one; it belongs to the array ``name``.

    Returns:
        The name under which its factors are stored; None if it has none.
    """
    found = [(source, arrays.source_indices == index) for index, source in enumerate(sources)]
    holders = [(source, np.flatnonzero(own)) for source, own in found if own.any() and name in source.names]
    examples = []
    for source, _ in holders:
        with source.open() as origin:
            examples.append(_example(stored_name, dataset_in(origin, stored_name)))
    example = _common(arrays, examples)
    lacking = np.empty(0, np.int64)
    if sum(len(targets) for _, targets in holders) < len(arrays.rows):
        lacking = np.setdiff1d(np.arange(len(arrays.rows)), np.concatenate([targets for _, targets in holders]))
        example = attrs.evolve(example, values=column(name).filled(example.values.shape, example.values.dtype))
    joined = group.create(example, len(arrays.rows))
    for run in runs(lacking) if len(lacking) else ():
        joined[run] = column(name).filled((run.stop - run.start, *joined.shape[1:]), joined.dtype)
    for source, targets in holders:
        with source.open() as origin:
            _copy(dataset_in(origin, stored_name), arrays.source_positions[targets], joined, targets)
        check()
    return example.attributes.get("scale")


def _example(name: str, dataset: h5py.Dataset) -> EncodedArray:
    facts = {key: value for key, value in dataset.attrs.items() if key not in ("encoding", "encoding_version")}
    return EncodedArray(name, np.empty((0, *dataset.shape[1:]), dataset.dtype), dataset.attrs["encoding"], facts)


def _common(arrays: JoinedArrays, examples: list[EncodedArray]) -> EncodedArray:
    """Return an example whose type can represent all of them: texts may differ in length."""
    if len({(example.encoding, example.values.shape) for example in examples}) > 1:
        shapes = sorted({f"{example.encoding} {example.values.shape[1:]}" for example in examples})
        raise StoreError(
            f"{arrays.name}: its parts differ in {examples[0].name!r} ({'; '.join(shapes)}), so they cannot be joined; "
            "they were made with different options: run the study again into another output"
        )
    dtype = np.result_type(*(example.values.dtype for example in examples))
    return attrs.evolve(examples[0], values=examples[0].values.astype(dtype))


def _copy(source: h5py.Dataset, positions: NDArray[np.int64], target: h5py.Dataset, targets: NDArray[np.int64]) -> None:
    """Copy some images: if each image has its own chunks, copy these without decompressing them."""
    if _has_chunks_of_images(source) and _storage(source) == _storage(target):
        corners = [range(0, size, chunk) for size, chunk in zip(source.shape[1:], source.chunks[1:], strict=True)]
        for position, target_position in zip(positions.tolist(), targets.tolist(), strict=True):
            for corner in itertools.product(*corners):
                mask, chunk = source.id.read_direct_chunk((position, *corner))
                target.id.write_direct_chunk((target_position, *corner), chunk, mask)
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
