"""The index of a packed store: all its records in one attribute, so that a file of thousands of cells opens quickly.

The index only repeats the contents of the groups.  It is used if its SHA-256 is right and it lists every group with the
digest of that group; otherwise the file is read group by group.  Before the arrays of a group are read, the group
itself is read and compared with the index.  ``shapebias verify`` compares all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
from h5py import h5a
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.store.group_writer import stored_attributes
from shapebias.store.joined_arrays import ArraySource
from shapebias.store.layout import ROLES, Facts, check_classes, check_stored_facts
from shapebias.store.listed import ListedCell, ListedDataset
from shapebias.store.members import group_in, members
from shapebias.store.records import CellRecord, ComponentRecord, Scalar
from shapebias.store.sealing import sealed

__all__ = ["INDEX", "group_digests", "index_problem", "index_text", "read_index"]

INDEX = "index"
_VERSION = 1
_ROW_BYTES = 8


def index_text(datasets: Iterable[ListedDataset], cells: Iterable[ListedCell], digests: Mapping[str, str]) -> str:
    """Write the records of a store as text: the SHA-256 of a JSON text, a space, the JSON text.

    Args:
        datasets, cells: everything in the store.
        digests: the digest of each group.
    """
    values = _Values()
    contents = {
        "version": _VERSION,
        "datasets": [
            [values.component(each.record), values.attributes(each.attributes), *values.source(each.source)]
            for each in sorted(datasets, key=_group)
        ],
        "cells": [
            [
                [values.component(component) for component in each.record.components().values()],
                values.number(dict(each.record.settings)),
                [
                    [values.rows(part.rows), part.status, part.error, values.attributes(part.attributes)]
                    for part in each.parts
                ],
                *values.source(each.source),
            ]
            for each in sorted(cells, key=_group)
        ],
        "values": values.table,
        "digests": dict(digests),
    }
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"))
    return f"{_digest(text)} {text}"


def _valid_index(file: h5py.File) -> str | None:
    """Return the index of a packed store; None if there is none, or it does not match these groups.

    An index of another version, with a wrong checksum, or with digests that differ from those of the groups, does not
    match.

    Raises:
        StoreError: a group is not in this file.
    """
    stored = file.attrs.get(INDEX)
    if not _is_whole(stored):
        return None
    try:
        contents = json.loads(stored.partition(" ")[2])
        belongs = contents["version"] == _VERSION and contents["digests"] == group_digests(file)
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    return stored if belongs else None


def index_problem(file: h5py.File, datasets: Iterable[ListedDataset], cells: Iterable[ListedCell]) -> str | None:
    """Return what is wrong with the index of a packed store, or None.

    Args:
        file: the packed store.
        datasets, cells: the contents of its groups.
    """
    if INDEX in file.attrs and not _is_whole(file.attrs[INDEX]):
        return "its index is damaged (its checksum does not match)"
    index = _valid_index(file)
    if index is not None and index != index_text(datasets, cells, group_digests(file)):
        return "its index does not match its groups"
    return None


def read_index(file: h5py.File, *, keep_open: bool) -> tuple[tuple[ListedDataset, ...], tuple[ListedCell, ...]] | None:
    """Read the records of a store.

    Args:
        file: the packed store.
        keep_open: whether its arrays will be read through this open file.

    Returns:
        Data sets and cells; None if there is no valid index.
    """
    stored = _valid_index(file)
    if stored is None:
        return None
    contents = json.loads(stored.partition(" ")[2])
    try:
        found = _Records(contents["values"], file, keep_open=keep_open)
        datasets = tuple(found.dataset(*entry) for entry in contents["datasets"])
        cells = tuple(found.cell(*entry) for entry in contents["cells"])
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError):
        return None
    listed = [*map(_group, cells), *map(_group, datasets)]
    return (datasets, cells) if listed == sorted(contents["digests"]) else None


def group_digests(file: h5py.File) -> dict[str, str]:
    """Return the digest of each data set and each cell of a packed store, by the path of its group.

    Raises:
        StoreError: a group is not in this file.
    """
    digests = {}
    digest: Any = np.empty((), h5py.string_dtype())
    for name in ("datasets", "cells"):
        for number, group in members(group_in(file, name)):
            h5a.open(group.id, b"digest").read(digest)
            digests[f"/{name}/{number}"] = digest[()].decode()
    return digests


class _Records:
    """Reads the records of an index.

    It raises a ValueError for a value of a type that no group can have, and for more rows than fit into the file, since
    the groups store their rows too.

    Args:
        values: the table of all values.
        file: the packed store.
        keep_open: whether its arrays will be read through this open file.
    """

    def __init__(self, values: list[Any], file: h5py.File, *, keep_open: bool) -> None:
        self._values = values
        self._path, self._file = Path(file.filename), file if keep_open else None
        self._room = file.id.get_filesize() // _ROW_BYTES
        self._components: dict[int, ComponentRecord] = {}
        self._rows: dict[int, NDArray[np.int64]] = {}

    def dataset(self, record: int, attributes: Mapping[str, int], *source: Any) -> ListedDataset:
        """Return a data set that is checked before its arrays are read."""
        listed = ListedDataset(self._component(record), self._attributes(attributes), self._source(*source))
        check_classes(listed.attributes)
        check = _Check(lambda other: index_text((other,), (), {}), listed)
        return attrs.evolve(listed, source=attrs.evolve(listed.source, check=check))

    def cell(self, components: list[int | None], settings: int, parts: list[Any], *source: Any) -> ListedCell:
        """Return a cell that is checked before its arrays are read."""
        known = [None if number is None else self._component(number) for number in components]
        roles: dict[str, Any] = dict(zip(ROLES, known, strict=True))
        record = CellRecord(**roles, settings=_plain(self._values[settings]))
        listed = ListedCell(record, [self._facts(*part) for part in parts], self._source(*source))
        check = _Check(lambda other: index_text((), (other,), {}), listed)
        return attrs.evolve(listed, source=attrs.evolve(listed.source, check=check))

    def _component(self, number: int) -> ComponentRecord:
        if number not in self._components:
            canonical, title, provider, files = self._values[number]
            if not all(isinstance(text, str) for text in (canonical, title, provider, *files.values())):
                raise ValueError("a component is not of texts")
            self._components[number] = ComponentRecord(canonical, title, provider, files)
        return self._components[number]

    def _facts(self, rows: int, status: str, error: str, attributes: Mapping[str, int]) -> Facts:
        facts = Facts(self._rows_of(rows), status, error, self._attributes(attributes))
        check_stored_facts(facts)
        if not isinstance(error, str):
            raise ValueError("an error is not text")  # noqa: TRY004 - as all other invalid values
        return facts

    def _attributes(self, numbers: Mapping[str, int]) -> dict[str, Scalar]:
        return _plain({name: self._values[number] for name, number in numbers.items()})

    def _rows_of(self, number: int) -> NDArray[np.int64]:
        """Return rows, which are stored as the two ends of a range, or as a list in a list."""
        found = self._values[number]
        self._room -= len(found[0]) if len(found) == 1 else max(0, found[1] - found[0])
        if self._room < 0:
            raise ValueError("more rows than the file has room for")
        if number not in self._rows:
            rows = np.array(found[0], np.int64) if len(found) == 1 else np.arange(*found, dtype=np.int64)
            if rows.ndim != 1 or (rows[:1] < 0).any() or (np.diff(rows) <= 0).any():
                raise ValueError("rows are not ascending indices of images")
            self._rows[number] = rows
        return self._rows[number]

    def _source(self, group: str, rows: int, names: int) -> ArraySource:
        return ArraySource(self._path, group, self._rows_of(rows), frozenset(self._values[names]), self._file)


class _Check:
    """Compares a group with its entry in the index, once.

    Args:
        text: writes an entry as text.
        listed: the entry in the index.
    """

    def __init__(self, text: Callable[[Any], str], listed: ListedDataset | ListedCell) -> None:
        self._text = text
        self._listed = listed
        self._agrees = False

    def __call__(self, group: h5py.Group) -> None:
        if self._agrees:
            return
        found = type(self._listed).of(sealed(group), keep_open=False)
        if self._text(found) != self._text(self._listed):
            raise StoreError(
                f"{group.file.filename} is damaged (its index does not match the group {group.name}); "
                "see 'shapebias verify'"
            )
        self._agrees = True


def _plain(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Check that all values are text or numbers, and return them.

    Raises:
        ValueError: one of them has another type.
    """
    if not all(isinstance(value, Scalar) for value in values.values()):
        raise ValueError("an attribute is neither text nor a number")
    return dict(values)


class _Values:
    """The table of all distinct values: thousands of cells share components, rows and settings."""

    def __init__(self) -> None:
        self.table: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        """Return the number of a value in the table."""
        number = self._numbers.setdefault(json.dumps(value, sort_keys=True), len(self.table))
        if number == len(self.table):
            self.table.append(value)
        return number

    def component(self, record: ComponentRecord | None) -> int | None:
        """Return the number of a component."""
        if record is None:
            return None
        texts = {"canonical": record.canonical, "title": record.title, "provider": record.provider}
        return self.number([*stored_attributes(texts).values(), dict(record.files)])

    def attributes(self, attributes: Mapping[str, Scalar]) -> dict[str, int]:
        """Return the numbers of some attributes."""
        return {name: self.number(attributes[name]) for name in sorted(attributes)}

    def rows(self, rows: NDArray[np.int64]) -> int:
        """Return the number of some rows, stored as the two ends of a range if possible, else as a list in a list."""
        ends = [int(rows[0]), int(rows[-1]) + 1] if len(rows) else [0, 0]
        return self.number(ends if ends[1] - ends[0] == len(rows) else [rows.tolist()])

    def source(self, source: ArraySource) -> tuple[str, int, int]:
        """Return the group of some arrays, and the numbers of their rows and names."""
        return source.group, self.rows(source.rows), self.number(sorted(source.names))


def _group(listed: ListedDataset | ListedCell) -> str:
    return listed.source.group


def _is_whole(index: object) -> bool:
    digest, _, text = index.partition(" ") if isinstance(index, str) else ("", "", "")
    return digest == _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
