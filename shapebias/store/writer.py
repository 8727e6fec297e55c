"""Writing a store: one file for each part, and the packed file at the end."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.files import new_file, temporary_of, temporary_path, write_atomically
from shapebias.store.checked_file import open_file
from shapebias.store.group_writer import GroupWriter, file_image
from shapebias.store.layout import check_facts, dataset_arrays, write_dataset_part, write_header, write_part
from shapebias.store.listed import Listing
from shapebias.store.listing import part_files, part_path, parts_folder, store_path
from shapebias.store.locking import WriterLock
from shapebias.store.os_errors import translate_os_errors
from shapebias.store.packing import write_store
from shapebias.store.reader import Store
from shapebias.store.records import CellRecord, DatasetPart, Header, Part
from shapebias.store.stored import StoredCell

__all__ = ["PACK_BYTES", "Writer", "pack", "stray_files"]

PACK_BYTES = 10**9

_log = logging.getLogger(__name__)


class Writer:
    """Writes a store, part by part; a part that was written survives a crash of the process.

    A part is built in memory, written under a temporary name, fsynced and renamed.  A writer holds the store's lock
    until it is closed.

    Args:
        path: the store, for example ``run.h5``; an existing one is continued.
        header: the header of the store.
        store: the store, if it is open already: the writer does not list its files again, and closes it.

    Raises:
        StoreError: another process is writing it, the file is not a store or has a later version, or the folder cannot
            be written.
    """

    def __init__(self, path: str | Path, header: Header, store: Store | None = None) -> None:
        self.path, self._keeps_open = store_path(path), False
        if self.path.is_dir():
            raise StoreError(f"{self.path} is a folder; give the name of a file, for example {self.path}/run.h5")
        with translate_os_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = WriterLock(self.path)
            self._lock.acquire()
            try:
                self._store = self._begin(header, store)
            except BaseException:
                self._lock.release()
                raise

    def _begin(self, header: Header, store: Store | None) -> Store:
        """Open an existing store, clean up after writers that were killed, and write the header if it changed."""
        if store is not None:
            store.refresh()  # another process may have written before this one had the lock
        elif self.path.exists() or part_files(self.path):
            store = Store(self.path)
        for stray in stray_files(self.path):
            _remove(stray)
        if store is None or store.header != header:
            self._put(parts_folder(self.path) / "header.h5", lambda root: write_header(root, header, "header"))
        return store or Store(self.path)

    @property
    def store(self) -> Store:
        """The store as it is now, for reading."""
        self._store.refresh()
        return self._store

    def write(self, part: Part) -> None:
        """Write a part; it is on the disk when this returns.

        A failed part is kept until the same images are done; a failure never replaces a finished part.

        Raises:
            StoreError: the disk is full, or the part's arrays do not match its rows.
        """
        check_facts(part.attributes)
        path = part_path(self.path, part.cell.key, _checked(part.cell.title, part.rows, part.arrays))
        if part.status == "failed" and path.exists() and _is_done(path):
            return
        self._put(path, lambda root: write_part(root, part))
        self._store.remember(path, Listing.of_part(part, path))

    def write_dataset(self, part: DatasetPart) -> None:
        """Write some images of a data set; they are on the disk when this returns.

        Raises:
            StoreError: the disk is full, or the arrays do not match the rows.
        """
        check_facts(part.attributes)
        rows = _checked(part.dataset.title or part.dataset.canonical, part.rows, dataset_arrays(part))
        path = part_path(self.path, part.dataset.key, rows)
        self._put(path, lambda root: write_dataset_part(root, part))
        self._store.remember(path, Listing.of_dataset_part(part, path))

    def _put(self, path: Path, fill: Callable[[GroupWriter], None]) -> None:
        image = file_image(lambda file: fill(GroupWriter(file)))
        with translate_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, image)

    def discard(self, cells: Iterable[CellRecord]) -> None:
        """Remove some cells, and data sets that no other cell refers to.

        Raises:
            StoreError: the packed file has some of them, and the disk has no space for the new one.
        """
        store, keys = self.store, {cell.key for cell in cells}
        kept = [cell for cell in store.cells() if cell.record.key not in keys]
        named = {cell.record.dataset.key for cell in kept}
        gone = keys | {dataset.record.key for dataset in store.datasets() if dataset.record.key not in named}
        with translate_os_errors(self.path):
            packed = [
                source for cell in store.cells() if cell.record.key in keys for source in cell.sources if source.file
            ]
            if packed:
                self._rewrite(store, kept)
            for path in part_files(self.path):
                if path.name.partition("-")[0] in gone:
                    path.unlink()

    def retitle(self, titles: Mapping[tuple[str, str], str]) -> None:
        """Change the names of components in tables.

        Args:
            titles: the new names, by the role of a component and the key of its record.

        Raises:
            StoreError: the disk has no space for the new file.
        """
        self.pack(force=True)
        store = self.store
        cells, datasets = store.cells(), store.datasets()
        for cell in cells:
            renamed: dict[str, Any] = {
                role: attrs.evolve(component, title=titles[role, component.key])
                for role, component in cell.record.components().items()
                if component is not None and (role, component.key) in titles
            }
            cell.record = attrs.evolve(cell.record, **renamed)
        for dataset in datasets:
            title = titles.get(("dataset", dataset.record.key), dataset.record.title)
            dataset.record = attrs.evolve(dataset.record, title=title)
        with translate_os_errors(self.path), new_file(self.path) as temporary:
            write_store(temporary, store.header, datasets, cells)
            store.close()

    def _rewrite(self, store: Store, cells: Iterable[StoredCell]) -> None:
        cells = list(cells)
        named = {cell.record.dataset.key for cell in cells}
        datasets = [dataset for dataset in store.datasets() if dataset.record.key in named]
        with new_file(self.path) as temporary:
            write_store(temporary, store.header, datasets, cells)
            store.close()

    def pack(self, *, force: bool = False) -> bool:
        """Copy all parts into the packed file, and remove them once it is in place.

        Args:
            force: pack even if the parts and the file are larger than 1 GB together.

        Returns:
            False if it was not packed because of its size.

        Raises:
            StoreError: the disk has no space for the file; the parts stay.
        """
        parts = part_files(self.path)
        if not parts:
            return True
        size = sum(path.stat().st_size for path in (*parts, self.path) if path.exists())
        if size > PACK_BYTES and not force:
            return False
        store = self.store
        with translate_os_errors(self.path), new_file(self.path) as temporary:
            write_store(temporary, store.header, store.datasets(), store.cells())
            store.close()
        _remove_parts(self.path)
        return True

    def leave_open(self) -> Store:
        """Return the store for reading; it stays open when the writer is closed."""
        self._keeps_open = True
        return self.store

    def close(self) -> None:
        """Release the lock, and close the store unless it was to stay open."""
        if not self._keeps_open:
            self._store.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pack(path: str | Path, *, force: bool = False) -> None:
    """Copy all parts of a results file into a single file, as a run does at its end.

    Args:
        path: the results file, for example ``"run.h5"``.
        force: pack even if the file is larger than 1 GB; false by default.

    Raises:
        StoreError: there is no store, another process is writing it, it is larger than 1 GB and ``force`` is not set,
            or the disk has no space.

    >>> import tempfile, shapebias as sb
    >>> path = Path(tempfile.mkdtemp(), "run.h5")
    >>> sb.run(sb.Study("stimuli:images=8,size=16", "planted:reliance=1"), path, device="cpu").close()
    >>> pack(path)  # a run has already packed it: nothing changes
    """
    with Store(path) as store:
        header = store.header
    with Writer(path, header) as writer:
        if not writer.pack(force=force):
            raise StoreError(
                f"{path} would have more than {PACK_BYTES / 1e9:g} GB, and it can also be read in parts; "
                "pack it anyway with --force"
            )


def stray_files(path: Path) -> list[Path]:
    """List the temporary files and folders of writers that were killed."""
    folder = parts_folder(path)
    beside = [found for found in path.parent.glob("*.tmp") if temporary_of(found) in (path.name, folder.name)]
    try:
        inside = [found for found in folder.rglob("*.tmp") if temporary_of(found)]
    except FileNotFoundError:  # another process has packed the folder
        inside = []
    return sorted([*beside, *inside])


def _remove_parts(path: Path) -> None:
    """Remove the parts that the packed file has; if that fails, nothing is lost, and the next writer does it."""
    folder = parts_folder(path)
    try:
        retired = folder.rename(temporary_path(folder))  # atomically: no reader sees half of the parts
        shutil.rmtree(retired)
    except OSError as error:
        _log.warning("%s is complete, but %s could not be removed: %s", path, folder, error.strerror)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _checked(title: str, rows: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if len(rows) == 0 or (np.diff(rows) <= 0).any() or rows[0] < 0:
        raise StoreError(f"{title}: the rows of a part must be ascending indices of images, got {rows}")
    for name, array in arrays.items():
        if len(array) != len(rows):
            raise StoreError(f"{title}: {name} has {len(array)} entries for {len(rows)} images")
    return rows


def _is_done(path: Path) -> bool:
    with open_file(path) as file:
        return str(file.attrs["status"]) == "done"
