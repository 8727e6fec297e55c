"""Reading a store: the packed file, the folder of parts, or both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import h5py

from shapebias.errors import StoreError
from shapebias.store.checked_file import open_file
from shapebias.store.joined_arrays import ArraySource
from shapebias.store.listing import ListedCell, ListedDataset, Listing, list_file, part_files, parts_folder, store_path
from shapebias.store.records import CellRecord, Header
from shapebias.store.stored import Failure, StoredCell, StoredDataset

__all__ = ["Store", "join_cells", "join_datasets"]


class Store:
    """A store, opened for reading: the packed file, the folder of parts, or both.

    Args:
        path: the name of the packed file, even if there are only parts.

    Arrays are read when they are used, so the store stays open until :meth:`close`.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = store_path(path)
        self._packed: h5py.File | None = None
        self._known: dict[Path, tuple[tuple[int, ...], Listing]] = {}
        self.listings: tuple[Listing, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        """List the files again, to see parts that were written, or a file that was packed, in the meantime."""
        while True:
            try:
                listings = self._list()
            except FileNotFoundError:
                continue  # packed while the files were listed: the parts are now in the packed file
            break
        if listings and [*map(id, listings)] == [*map(id, self.listings)]:
            return  # no file has changed
        self.listings = tuple(listings)
        headers = [listing.header for listing in listings if listing.header is not None]
        if not headers:
            raise StoreError(
                f"{self.path}: there is no store, neither this file nor {parts_folder(self.path).name} beside it; "
                "check the path, or run a study first"
            )
        self.header: Header = headers[-1]
        self._datasets = join_datasets(listings)
        self._cells = join_cells(listings)

    def _list(self) -> list[Listing]:
        """List the folder before the file: parts are removed only after the file with their contents is in place."""
        parts = part_files(self.path)
        packed = [self.path] if self.path.exists() else []
        self._known = {path: self._recall(path) for path in (*packed, *parts)}
        return [listing for _, listing in self._known.values()]

    def _recall(self, path: Path) -> tuple[tuple[int, ...], Listing]:
        """List the contents of a file, unless it is unchanged since it was listed."""
        stamp = _stamp(path)
        if path in self._known and self._known[path][0] == stamp:
            return self._known[path]
        if path == self.path:  # it stays open, as a file with other groups may replace it
            self._packed = open_file(path)
            return stamp, list_file(self._packed, keep_open=True)
        with open_file(path) as file:
            return stamp, list_file(file, keep_open=False)

    def remember(self, path: Path, listing: Listing) -> None:
        """Record the contents of a part's file that was just written, so that the next refresh does not read it."""
        self._known[path] = (_stamp(path), listing)

    def datasets(self) -> list[StoredDataset]:
        """List the data sets."""
        return list(self._datasets)

    def cells(self) -> list[StoredCell]:
        """List the cells, finished or not, in the order of their texts."""
        return list(self._cells)

    def failures(self) -> list[Failure]:
        """List the failures whose images have not been computed since."""
        return [Failure(cell.record, part.rows, part.error) for cell in self._cells for part in cell.failed]

    def close(self) -> None:
        """Close the packed file; :meth:`refresh` reopens it."""
        if self._packed is not None:
            self._packed.close()
        self._packed = None
        self._known.pop(self.path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stamp(path: Path) -> tuple[int, ...]:
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def join_datasets(listings: Iterable[Listing]) -> list[StoredDataset]:
    """Join the parts of each data set from several files; if an image is in several, the last is used."""
    found: dict[str, list[ListedDataset]] = {}
    for dataset in (dataset for listing in listings for dataset in listing.datasets):
        found.setdefault(dataset.record.key, []).append(dataset)
    joined = [StoredDataset(each[-1].record, each[-1].attributes, _sources(each)) for each in found.values()]
    return sorted(joined, key=lambda dataset: (dataset.record.canonical, dataset.record.key))


def join_cells(listings: Iterable[Listing]) -> list[StoredCell]:
    """Join the parts of each cell from several files; if an image is in several, the last is used."""
    found: dict[str, list[ListedCell]] = {}
    for cell in (cell for listing in listings for cell in listing.cells):
        found.setdefault(cell.record.key, []).append(cell)
    joined = [
        StoredCell(each[-1].record, [part for cell in each for part in cell.parts], _sources(each))
        for each in found.values()
    ]
    return sorted(joined, key=lambda cell: (_texts(cell.record), cell.record.key))


def _sources(found: Iterable[ListedCell | ListedDataset]) -> list[ArraySource]:
    return [each.source for each in found]


def _texts(record: CellRecord) -> list[str]:
    return ["" if component is None else component.canonical for component in record.components().values()]
