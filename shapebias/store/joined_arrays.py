"""Per-image arrays that are spread over several files, read as one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from shapebias.errors import StoreError
from shapebias.store.checked_file import open_file
from shapebias.store.columns import column
from shapebias.store.encoding import decode
from shapebias.store.group_writer import FileImage
from shapebias.store.members import dataset_in, group_in, numbers_of
from shapebias.store.sealing import Described

__all__ = ["ArraySource", "JoinedArrays", "runs"]


@attrs.frozen(eq=False)
class ArraySource:
    """One group of one file with the arrays of some images.

    Args:
        path: the file.
        group: the group in it.
        rows: (n,) indices of its images in the data set, in the order of its arrays.
        names: the arrays that it has.
        file: the open file; None if the file is opened for each read, as for parts.
        check: checks the group before its arrays are read, if these values come from an index.
        kept: the whole file, if this process has written it and it is small, so that packing does not read it.
    """

    path: Path
    group: str
    rows: NDArray[np.int64]
    names: frozenset[str]
    file: h5py.File | None = None
    check: Callable[[h5py.Group], None] | None = None
    kept: FileImage | None = None

    @classmethod
    def of(cls, described: Described, *, keep_open: bool) -> ArraySource:
        """Make the source of a group of an open file.

        Raises:
            StoreError: its rows are not ascending indices, or an array has another number of images.
        """
        group = described.group
        path, file = Path(group.file.filename), group.file if keep_open else None
        rows = numbers_of(group, "rows")[:].astype(np.int64)
        if (rows[:1] < 0).any() or (np.diff(rows) <= 0).any():
            raise StoreError(f"{path}: the rows of {group.name} are not ascending indices of images")
        for name, array in described.arrays.items():
            if len(array) != len(rows):
                raise StoreError(
                    f"{path}: {group.name.rstrip('/')}/{name} has {len(array)} entries for {len(rows)} rows"
                )
        facts = described.array_attributes
        names = frozenset(name for name in facts if name != "rows" and facts[name]["encoding"] != "scale")
        return cls(path, group.name, rows, names, file)

    @contextlib.contextmanager
    def open(self) -> Iterator[h5py.Group]:
        """Open the group for reading.

        Raises:
            StoreError: the file was closed or packed since, or it is damaged.
        """
        with self._damage_named():
            if self.file is None:
                with open_file(self.path) as file:
                    yield self._group(file)
            elif self.file:
                yield self._group(self.file)
            else:
                raise StoreError(f"{self.path} was closed; open the store again")

    @contextlib.contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise StoreError(f"{self.path} has been packed since; call refresh(), or open the store again") from None
        except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise StoreError(
                f"{self.path} is damaged ({' '.join(str(error).split())}); see 'shapebias verify'"
            ) from error

    def _group(self, file: h5py.File) -> h5py.Group:
        group = group_in(file, self.group)
        if self.check is not None:
            self.check(group)
        return group

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[ArraySource]:
        """Return this source with its file open, so that it is not opened again for each read."""
        if self.file is not None:
            yield self
            return
        with contextlib.ExitStack() as stack:
            with self._damage_named():
                file = stack.enter_context(open_file(self.path))
            yield attrs.evolve(self, file=file)  # not within _damage_named: other files may fail while this one is open


class JoinedArrays:
    """Arrays of several sources, joined in the order of the images.

    Some sources may lack an optional array: their images then have the fill value of its column.

    Args:
        name: what the arrays belong to, for messages.
        sources: the groups with the arrays; if an image is in several of them, the last is used.
    """

    def __init__(self, name: str, sources: Sequence[ArraySource]) -> None:
        self.name = name
        self.sources = tuple(sources)
        counts = [len(source.rows) for source in sources]
        rows = np.concatenate([np.empty(0, np.int64), *(source.rows for source in sources)])
        _, last = np.unique(rows[::-1], return_index=True)
        chosen = len(rows) - 1 - last
        self.rows: NDArray[np.int64] = rows[chosen]
        self.source_indices: NDArray[np.int64] = np.repeat(np.arange(len(counts)), counts)[chosen]
        within = np.concatenate([np.empty(0, np.int64), *map(np.arange, counts)])
        self.source_positions: NDArray[np.int64] = within[chosen]

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays, sorted.

        Raises:
            StoreError: some sources lack an array that is not optional.
        """
        held = {self.sources[index].names for index in np.unique(self.source_indices)}
        if not held:
            return ()
        every, common = frozenset.union(*held), frozenset.intersection(*held)
        differing = sorted(name for name in every - common if not column(name).optional)
        if differing:
            raise StoreError(
                f"{self.name}: some of its parts have {', '.join(differing)} and others do not; "
                "they were made with different options: run the study again into another output"
            )
        return tuple(sorted(every))

    def array(self, name: str, rows: ArrayLike | None = None, eps_index: int | None = None) -> NDArray[Any]:
        """Read one array, decoded, from every source that has some of it.

        Args:
            name: one of ``names``.
            rows: indices of the images in the data set, in any order; all by default.
            eps_index: index on the eps axis, to read only that eps.

        Raises:
            StoreError: no such array, or no such image.
        """
        if name not in self.names:
            raise StoreError(f"{self.name} holds no {name!r}; it holds {', '.join(self.names) or 'nothing yet'}")
        positions = np.arange(len(self.rows)) if rows is None else self.positions(rows)
        return self._read_joined(name, name, positions, eps_index)

    def missing_maps(self, eps_index: int | None = None) -> NDArray[np.bool_]:
        """Return which images have no map, (n,), or (n, E) with an eps axis: their scale is NaN."""
        scales = self._read_joined("maps_scale", "maps", np.arange(len(self.rows)), eps_index)
        missing: NDArray[np.bool_] = np.isnan(scales)
        return missing

    def positions(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Find images in the order of the arrays.

        Args:
            rows: their indices in the data set.

        Raises:
            StoreError: some are missing.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        positions = np.searchsorted(self.rows, wanted)
        missing = wanted[~np.isin(wanted, self.rows)]
        if len(missing):
            raise StoreError(f"{self.name} holds no image {missing[0]} ({len(missing)} of {len(wanted)} are missing)")
        return positions

    def _read_joined(
        self, stored_name: str, name: str, positions: NDArray[np.int64], eps_index: int | None
    ) -> NDArray[Any]:
        """Read some images of the data set ``stored_name``, which belongs to the array ``name``."""
        sources = self.source_indices[positions]
        holders = [index for index, source in enumerate(self.sources) if name in source.names]
        wanted = [index for index in holders if (sources == index).any()]
        pieces = []
        for index in wanted or holders[:1]:  # without any image, one source gives type and shape
            chosen = np.flatnonzero(sources == index)
            with self.sources[index].open() as group:
                values = _read_positions(
                    dataset_in(group, stored_name), self.source_positions[positions[chosen]], eps_index
                )
            pieces.append((chosen, values))
        if len(pieces) == 1 and len(pieces[0][0]) == len(positions):
            return pieces[0][1]
        return self._joined(name, pieces, len(positions))

    def _joined(self, name: str, pieces: Sequence[tuple[NDArray[np.int64], NDArray[Any]]], count: int) -> NDArray[Any]:
        """Join pieces of one array; images that are in no piece have the fill value of its column."""
        shapes = {piece.shape[1:] for _, piece in pieces}
        if len(shapes) > 1:
            raise StoreError(
                f"{self.name}: parts of {name!r} differ in shape: {sorted(shapes)}; see 'shapebias verify'"
            )
        shape, dtype = (count, *shapes.pop()), np.result_type(*(piece.dtype for _, piece in pieces))
        covered = sum(len(chosen) for chosen, _ in pieces)
        joined = np.empty(shape, dtype) if covered == count else column(name).filled(shape, dtype)
        for chosen, piece in pieces:
            joined[chosen] = piece
        return joined


def _read_positions(dataset: h5py.Dataset, positions: NDArray[np.int64], eps_index: int | None = None) -> NDArray[Any]:
    """Read some images of one array, with one read for each run of consecutive positions.

    Args:
        dataset: the array.
        positions: (n,) the positions of the images, in any order.
        eps_index: index on the second axis, to read only that eps.
    """
    order = np.argsort(positions, kind="stable")
    ascending = positions[order]
    pieces = [decode(dataset, run if eps_index is None else (run, eps_index)) for run in runs(ascending)]
    values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return values if (ascending == positions).all() else values[np.argsort(order)]


def runs(positions: NDArray[np.int64]) -> list[slice]:
    """Split ascending positions into slices of consecutive ones; no positions give one empty slice.

    >>> runs(np.array([3, 4, 5, 9]))
    [slice(3, 6, None), slice(9, 10, None)]
    """
    pieces = np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
    return [slice(int(piece[0]), int(piece[-1]) + 1) if len(piece) else slice(0, 0) for piece in pieces]
