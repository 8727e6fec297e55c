"""Find the files of a store, and list the contents of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.paths import as_path
from shapebias.store.index import read_index
from shapebias.store.layout import check_format, read_header
from shapebias.store.listed import ListedCell, ListedDataset, Listing
from shapebias.store.members import group_in, members
from shapebias.store.sealing import sealed

__all__ = [
    "ListedCell",
    "ListedDataset",
    "Listing",
    "list_file",
    "part_files",
    "part_path",
    "parts_folder",
    "store_path",
]


def store_path(path: str | Path) -> Path:
    """Return the path of a store: a home folder is expanded, and links are followed, so that a store has one lock.

    Raises:
        StoreError: it is a link to itself.
    """
    found = as_path(path)
    try:
        return found.resolve() if found.is_symlink() else found
    except (OSError, RuntimeError) as error:
        raise StoreError(f"{found} is a link to itself; choose another file") from error


def parts_folder(path: Path) -> Path:
    """Return the folder of a store's parts: ``run.h5.parts`` beside ``run.h5``."""
    return path.with_name(path.name + ".parts")


def part_path(path: Path, key: str, rows: Sequence[int] | NDArray[Any]) -> Path:
    """Return the path of a part: subfolders keep folders small, and different rows give different names.

    Args:
        path: the store.
        key: the key of the cell or data set.
        rows: indices of the images, ascending.
    """
    rows = [int(row) for row in rows]
    first, last = rows[0], rows[-1]
    gaps = "" if last - first + 1 == len(rows) else "-" + hashlib.sha256(str(rows).encode()).hexdigest()[:8]
    return parts_folder(path) / key[:2] / f"{key}-{first}-{last}{gaps}.h5"


def part_files(path: Path) -> list[Path]:
    """List the files of a store's parts: the header first, the others sorted by name."""
    folder = parts_folder(path)
    while True:
        try:
            return [path for path in (folder / "header.h5", *sorted(folder.glob("??/*.h5"))) if path.is_file()]
        except FileNotFoundError:  # the folder was packed while it was listed
            continue


def list_file(file: h5py.File, *, keep_open: bool, by_index: bool = True) -> Listing:
    """List the contents of a file.

    Args:
        file: a packed store, or the file of a part.
        keep_open: whether its arrays will be read through this open file.
        by_index: whether to use the index, if it is valid, instead of reading every group.

    Raises:
        StoreError: the file is not part of a store, has a later format version, or is damaged.
    """
    try:
        kind = check_format(file)
        header = read_header(file) if kind in ("store", "header") else None
        indexed = read_index(file, keep_open=keep_open) if by_index and kind == "store" else None
        if indexed:
            return Listing(header, *indexed)
        datasets = [ListedDataset.of(sealed(group), keep_open=keep_open) for group in groups(file, kind, "dataset")]
        cells = [ListedCell.of(sealed(group), keep_open=keep_open) for group in groups(file, kind, "cell")]
    except StoreError:
        raise
    except Exception as error:  # damage can make HDF5 raise anything
        raise StoreError(
            f"{file.filename} is damaged ({' '.join(str(error).split())}); see 'shapebias verify'; a damaged part can "
            "be deleted and is then computed again"
        ) from error
    return Listing(header, tuple(datasets), tuple(cells))


def groups(file: h5py.File, kind: str, wanted: str) -> Iterator[h5py.Group]:
    """Yield the groups of a file that hold a data set or a cell: the root of a part, or numbered groups."""
    if kind == wanted:
        yield file
    elif kind == "store":
        yield from (group for _, group in members(group_in(file, f"{wanted}s")))
