"""What one file of a store holds: header, data sets and cells, without their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np

from shapebias.store.encoding import plain
from shapebias.store.group_writer import stored_attributes
from shapebias.store.joined_arrays import Source
from shapebias.store.layout import Facts, dataset_arrays
from shapebias.store.records import CellRecord, ComponentRecord, DatasetPart, Header, Part, Scalar

__all__ = ["ListedCell", "ListedDataset", "Listing"]


@attrs.frozen(eq=False)
class ListedDataset:
    """Some images of a data set, in one file."""

    record: ComponentRecord
    attributes: Mapping[str, Scalar]
    source: Source


@attrs.frozen(eq=False)
class ListedCell:
    """Some answers of a cell, in one file."""

    record: CellRecord
    parts: Sequence[Facts]
    source: Source


@attrs.frozen
class Listing:
    """The contents of one file."""

    header: Header | None = None
    datasets: tuple[ListedDataset, ...] = ()
    cells: tuple[ListedCell, ...] = ()

    @classmethod
    def of_part(cls, part: Part, path: Path) -> Listing:
        """List what the file of a part holds, without reading it."""
        rows, done = np.asarray(part.rows, dtype=np.int64), part.status == "done"
        facts = Facts(rows, part.status, str(_stored({"": part.error})[""]), _stored(part.attributes))
        names = frozenset(part.arrays if done else ())
        source = Source(path, "/", rows if done else rows[:0], names)
        return cls(cells=(ListedCell(part.cell, [facts], source),))

    @classmethod
    def of_dataset_part(cls, part: DatasetPart, path: Path) -> Listing:
        """List what the file of some images of a data set holds, without reading it."""
        source = Source(path, "/", np.asarray(part.rows, dtype=np.int64), frozenset(dataset_arrays(part)))
        return cls(datasets=(ListedDataset(part.dataset, _stored(part.attributes), source),))


def _stored(attributes: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {name: plain(value) for name, value in stored_attributes(attributes).items()}
