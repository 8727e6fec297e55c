"""The index of a packed store: all its records in one attribute, so that a file of thousands of cells opens at once.

The index repeats what the groups say and is only a short cut.  It counts where the SHA-256 before its JSON text is
right and every group still has the digest that the index notes; any other file is read group by group.
``shapebias verify`` compares the two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a
from numpy.typing import NDArray

from shapebias.store.group_writer import stored_attributes
from shapebias.store.joined_arrays import Source
from shapebias.store.layout import ROLES, Facts
from shapebias.store.listed import ListedCell, ListedDataset
from shapebias.store.records import CellRecord, ComponentRecord, Scalar

__all__ = ["INDEX", "group_digests", "index_text", "read_index"]

INDEX = "index"
_VERSION = 1


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
            for each in datasets
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
            for each in cells
        ],
        "values": values.table,
        "digests": dict(digests),
    }
    text = json.dumps(contents, sort_keys=True, separators=(",", ":"))
    return f"{_digest(text)} {text}"


def read_index(file: h5py.File, *, keep_open: bool) -> tuple[tuple[ListedDataset, ...], tuple[ListedCell, ...]] | None:
    """Read the records of a store.

    Args:
        file: the packed store.
        keep_open: whether its arrays will be read through this open file.

    Returns:
        Data sets and cells; None where there is no index, or it is damaged, from a later version, or does not belong to
        the groups.
    """
    stored = file.attrs.get(INDEX)
    digest, _, text = stored.partition(" ") if isinstance(stored, str) else ("", "", "")
    if digest != _digest(text):
        return None
    try:
        contents = json.loads(text)
        if contents["version"] == _VERSION and contents["digests"] == group_digests(file):
            return _records(contents, Path(file.filename), file if keep_open else None)
    except (KeyError, IndexError, TypeError, ValueError):
        pass
    return None


def group_digests(file: h5py.File) -> dict[str, str]:
    """Return the digest of each data set and each cell of a packed store, by the path of its group."""
    digests = {}
    digest = np.empty((), h5py.string_dtype())
    for name in ("datasets", "cells"):
        for number in file[name]:
            group = f"/{name}/{number}"
            h5a.open(file.id, b"digest", obj_name=group.encode()).read(digest)
            digests[group] = digest[()].decode()
    return digests


def _records(
    contents: Mapping[str, Any], path: Path, file: h5py.File | None
) -> tuple[tuple[ListedDataset, ...], tuple[ListedCell, ...]]:
    values: list[Any] = contents["values"]

    @cache
    def component(number: int | None) -> Any:
        return None if number is None else ComponentRecord(*values[number])

    @cache
    def rows(number: int) -> NDArray[np.int64]:
        found = values[number]
        return np.arange(*found, dtype=np.int64) if len(found) == 2 else np.array(found[0], dtype=np.int64)

    @cache
    def names(number: int) -> frozenset[str]:
        return frozenset(values[number])

    def attributes(numbers: Mapping[str, int]) -> dict[str, Scalar]:
        return {name: values[number] for name, number in numbers.items()}

    def source(group: str, number: int, named: int) -> Source:
        return Source(path, group, rows(number), names(named), file)

    datasets = tuple(
        ListedDataset(component(record), attributes(facts), source(*where))
        for record, facts, *where in contents["datasets"]
    )
    cells = tuple(
        ListedCell(
            CellRecord(**dict(zip(ROLES, map(component, components), strict=True)), settings=values[settings]),
            [Facts(rows(own), status, error, attributes(facts)) for own, status, error, facts in parts],
            source(*where),
        )
        for components, settings, parts, *where in contents["cells"]
    )
    return datasets, cells


class _Values:
    """The table of all values, in which each is once: thousands of cells share components, rows and settings."""

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
        """Return the number of some rows: two ends where they are neighbours, else a list in a list."""
        ends = [int(rows[0]), int(rows[-1]) + 1] if len(rows) else [0, 0]
        return self.number(ends if ends[1] - ends[0] == len(rows) else [rows.tolist()])

    def source(self, source: Source) -> tuple[str, int, int]:
        """Return the group of some arrays, and the numbers of their rows and names."""
        return source.group, self.rows(source.rows), self.number(sorted(source.names))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
