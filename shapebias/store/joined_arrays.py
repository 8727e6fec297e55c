"""Per-image arrays that lie in several places, read as one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from shapebias.errors import StoreError
from shapebias.store.encoding import datasets_of, decode

__all__ = ["LATER", "JoinedArrays", "Source", "open_file", "runs"]

# Parts of earlier versions lack these arrays, and are read as if they held false.
LATER = frozenset({"gradient_failed"})


def open_file(path: Path) -> h5py.File:
    """Open a file of a store for reading; it may be replaced meanwhile, but is never changed.

    Raises:
        StoreError: it is damaged, or no HDF5 file.
        FileNotFoundError: it is gone.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = (
            "delete this part and run the same command again: it is then computed anew"
            if path.parent.parent.suffix == ".parts"
            else "choose another file, or restore this one from a copy"
        )
        raise StoreError(f"{path} is no HDF5 file, or it is damaged ({error}); {hint}") from error


@attrs.frozen(eq=False)
class Source:
    """One group of one file that holds some of the images.

    Args:
        path: the file.
        group: the group in it.
        rows: (n,) places of its images in the data set, in the order of its arrays.
        names: the arrays that it has.
        file: the file where it is kept open; a part's file is opened for each reading.
    """

    path: Path
    group: str
    rows: NDArray[np.int64]
    names: frozenset[str]
    file: h5py.File | None = None

    @classmethod
    def of(cls, group: h5py.Group, *, keep_open: bool) -> Source:
        """Describe a group of an open file."""
        elements = {dataset.name.removeprefix(group.name).lstrip("/"): dataset for dataset in datasets_of(group)}
        names = {name for name, dataset in elements.items() if dataset.attrs["encoding"] != "scale"}
        path, file = Path(group.file.filename), group.file if keep_open else None
        return cls(path, group.name, elements["rows"][:], frozenset(names - {"rows"}), file)

    @contextlib.contextmanager
    def open(self) -> Iterator[h5py.Group]:
        """Give the group, for reading."""
        if self.file is not None:
            if not self.file:
                raise StoreError(f"{self.path} was closed; open the store again")
            yield self.file[self.group]
            return
        try:
            with open_file(self.path) as file:
                yield file[self.group]
        except FileNotFoundError:
            raise StoreError(f"{self.path} was packed meanwhile; call refresh(), or open the store again") from None


class JoinedArrays:
    """Arrays of several sources, joined in the order of the images.

    Args:
        name: what it is, for messages.
        sources: where the arrays lie; of an image in several of them, the last counts.
    """

    def __init__(self, name: str, sources: Sequence[Source]) -> None:
        self.name = name
        self.sources = tuple(sources)
        counts = [len(source.rows) for source in sources]
        rows = np.concatenate([np.empty(0, np.int64), *(source.rows for source in sources)])
        _, last = np.unique(rows[::-1], return_index=True)
        chosen = len(rows) - 1 - last
        self.rows: NDArray[np.int64] = rows[chosen]
        self.source: NDArray[np.int64] = np.repeat(np.arange(len(counts)), counts)[chosen]
        self.position: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *map(np.arange, counts)])[chosen]

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays, sorted.

        Raises:
            StoreError: parts differ in what they hold.
        """
        held = {source.names for source in self.sources if len(source.rows)}
        differing = sorted(frozenset.union(*held) - frozenset.intersection(*held) - LATER) if held else []
        if differing:
            raise StoreError(
                f"{self.name}: some of its parts have {', '.join(differing)} and others do not; "
                "they were made with different options: run the study again into another output"
            )
        return tuple(sorted(frozenset.union(*held))) if held else ()

    def array(self, name: str, rows: ArrayLike | None = None, at: int | None = None) -> NDArray[Any]:
        """Read one array, decoded, from every part that has some of it.

        Args:
            name: one of ``names``.
            rows: places of the images in the data set, in any order; all by default.
            at: place on the axis of eps, to read only that one.

        Raises:
            StoreError: no such array, or no such image.
        """
        if name not in self.names:
            raise StoreError(f"{self.name} holds no {name!r}; it holds {', '.join(self.names) or 'nothing yet'}")
        positions = np.arange(len(self.rows)) if rows is None else self.positions(rows)
        pieces = [
            (chosen, self._read(number, name, chosen, positions, at))
            for number, chosen in self._by_source(positions)
            if name not in LATER or name in self.sources[number].names
        ]
        if len(pieces) == 1 and len(pieces[0][0]) == len(positions):
            return pieces[0][1]
        if not pieces:  # only parts of earlier versions were asked for
            return np.zeros(len(positions), bool)
        shapes = {piece.shape[1:] for _, piece in pieces}
        if len(shapes) > 1:
            raise StoreError(
                f"{self.name}: parts of {name!r} differ in shape: {sorted(shapes)}; see 'shapebias verify'"
            )
        joined = np.zeros((len(positions), *shapes.pop()), np.result_type(*(piece.dtype for _, piece in pieces)))
        for chosen, piece in pieces:
            joined[chosen] = piece
        return joined

    def missing_maps(self, at: int | None = None) -> NDArray[np.bool_]:
        """Tell which images have no map, (n,), or (n, E) with an axis of eps: their scale is NaN."""
        positions = np.arange(len(self.rows))
        pieces = [
            (chosen, self._read(number, "maps_scale", chosen, positions, at))
            for number, chosen in self._by_source(positions)
        ]
        joined = np.empty((len(positions), *pieces[0][1].shape[1:]), np.float32)
        for chosen, piece in pieces:
            joined[chosen] = piece
        return np.isnan(joined)

    def positions(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Find images in the order of the arrays.

        Args:
            rows: their places in the data set.

        Raises:
            StoreError: some are not there.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        positions = np.searchsorted(self.rows, wanted)
        missing = wanted[~np.isin(wanted, self.rows)]
        if len(missing):
            raise StoreError(f"{self.name} holds no image {missing[0]} ({len(missing)} of {len(wanted)} are missing)")
        return positions

    def _by_source(self, positions: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield each source's number and which of the wanted images it has; one source, if none is wanted."""
        for number in np.unique(self.source[positions]) if len(positions) else (0,):
            yield int(number), np.flatnonzero(self.source[positions] == number)

    def _read(
        self, number: int, name: str, chosen: NDArray[np.int64], positions: NDArray[np.int64], at: int | None
    ) -> NDArray[Any]:
        with self.sources[number].open() as group:
            return read_rows(group[name], self.position[positions[chosen]], at)


def read_rows(dataset: h5py.Dataset, positions: NDArray[np.int64], at: int | None = None) -> NDArray[Any]:
    """Read some images of one array: one read for each run of neighbours.

    Args:
        dataset: the array.
        places: (n,) which images, in any order.
        at: place on the second axis, to read only that one.
    """
    order = np.argsort(positions, kind="stable")
    ascending = positions[order]
    pieces = [decode(dataset, run if at is None else (run, at)) for run in runs(ascending)]
    values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return values if (ascending == positions).all() else values[np.argsort(order)]


def runs(positions: NDArray[np.int64]) -> list[slice]:
    """Cut ascending places into slices of neighbours; no places are one empty slice.

    >>> runs(np.array([3, 4, 5, 9]))
    [slice(3, 6, None), slice(9, 10, None)]
    """
    pieces = np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
    return [slice(int(piece[0]), int(piece[-1]) + 1) if len(piece) else slice(0, 0) for piece in pieces]
