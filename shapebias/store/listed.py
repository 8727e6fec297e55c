"""The entries of one file of a store: header, data sets and cells, without their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import attrs
import numpy as np

from shapebias.store.group_writer import FileImage, stored_attributes
from shapebias.store.joined_arrays import ArraySource
from shapebias.store.layout import Facts, check_classes, dataset_arrays, read_attributes, read_cell, read_component
from shapebias.store.records import CellRecord, ComponentRecord, DatasetPart, Header, Part, Scalar
from shapebias.store.sealing import Described, plain

__all__ = ["ListedCell", "ListedDataset", "Listing"]


@attrs.frozen(eq=False)
class ListedDataset:
    """Some images of a data set, in one file."""

    record: ComponentRecord
    attributes: Mapping[str, Scalar]
    source: ArraySource

    @classmethod
    def of(cls, found: Described, *, keep_open: bool) -> Self:
        """List the contents of a group.

        Args:
            found: the group.
            keep_open: whether its arrays will be read through this open file.

        Raises:
            StoreError, ValueError: it is damaged.
        """
        record, attributes = read_component(found, "dataset"), read_attributes(found)
        if record is None:
            raise ValueError(f"{found.group.name} lacks the text of its data set")
        check_classes(attributes)
        return cls(record, attributes, ArraySource.of(found, keep_open=keep_open))


@attrs.frozen(eq=False)
class ListedCell:
    """Some answers of a cell, in one file."""

    record: CellRecord
    parts: Sequence[Facts]
    source: ArraySource

    @classmethod
    def of(cls, found: Described, *, keep_open: bool) -> Self:
        """List the contents of a group, as :meth:`ListedDataset.of` does."""
        return cls(*read_cell(found), ArraySource.of(found, keep_open=keep_open))


@attrs.frozen
class Listing:
    """The contents of one file."""

    header: Header | None = None
    datasets: tuple[ListedDataset, ...] = ()
    cells: tuple[ListedCell, ...] = ()

    @classmethod
    def of_part(cls, part: Part, path: Path, kept: FileImage | None = None) -> Listing:
        """List the contents of a part's file, without reading it.

        Args:
            part: what was written.
            path: its file.
            kept: the file, if it is to stay in memory until it is packed.
        """
        rows, done = np.asarray(part.rows, dtype=np.int64), part.status == "done"
        facts = Facts(rows, part.status, str(_stored({"": part.error})[""]), _stored(part.attributes))
        names = frozenset(part.arrays if done else ())
        source = ArraySource(path, "/", rows if done else rows[:0], names, kept=kept)
        return cls(cells=(ListedCell(part.cell, [facts], source),))

    @classmethod
    def of_dataset_part(cls, part: DatasetPart, path: Path) -> Listing:
        """List the contents of the file with some images of a data set, without reading it."""
        source = ArraySource(path, "/", np.asarray(part.rows, dtype=np.int64), frozenset(dataset_arrays(part)))
        return cls(datasets=(ListedDataset(part.dataset, _stored(part.attributes), source),))


def _stored(attributes: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {name: plain(value) for name, value in stored_attributes(attributes).items()}
