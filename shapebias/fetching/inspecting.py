"""How much of a source is on this machine, and whether the files are the published ones."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import attrs

from shapebias.errors import DataError, listed
from shapebias.fetching.data_folder import finished, folder_of, is_unfinished, recorded_checksum
from shapebias.fetching.sources import ListedFile, Source, read_listing

__all__ = [
    "IMAGES",
    "Presence",
    "blob_sha1",
    "check_content",
    "count_files",
    "how_checked",
    "inspect",
    "is_published",
    "missing",
]

IMAGES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_DATA = (*IMAGES, ".npy", ".csv", ".parquet")
_SHOWN = 5


@attrs.frozen
class Presence:
    """How much of a source is on this machine.

    Args:
        folder: its folder.
        found: the number of its files in that folder.
        expected: the number of files of the complete source; None if it is not stated.
        unit: images, or files.
        unfinished: whether a download was interrupted.
    """

    folder: Path
    found: int
    expected: int | None
    unit: str
    unfinished: bool = False

    @property
    def usable(self) -> bool:
        """Whether there are usable data."""
        return self.found > 0 and not self.unfinished

    @property
    def note(self) -> str | None:
        """``320 of 1,280 images`` if a part is missing, None if it is complete."""
        if self.expected is None or self.found >= self.expected:
            return None
        return f"{self.found:,} of {self.expected:,} {self.unit}"

    @property
    def words(self) -> str:
        """The description in a list of sources."""
        if self.unfinished:
            return f"unfinished: {self.note or self.found}"
        return "no" if self.found == 0 else self.note or "yes"


def inspect(source: Source, data: Path) -> Presence:
    """Determine how much of a source is in the data folder, only by names and sizes."""
    folder = folder_of(source, data)
    if source.listing:
        listing = read_listing(source)
        found, expected = len(listing) - len(missing(source, folder)), len(listing)
        return Presence(folder, found, expected, source.unit, is_unfinished(folder))
    counted = finished(folder)
    if counted is not None:  # every file of the publisher's archive
        return Presence(folder, counted, counted, source.unit)
    return Presence(folder, count_files(folder), source.expected, source.unit, is_unfinished(folder))


def count_files(folder: Path) -> int:
    """Count the data files at any depth below a folder."""
    return sum(1 for _ in _data_files(folder))


def how_checked(source: Source, data: Path) -> str:
    """Describe in a few words what a download is compared with."""
    if source.manual:
        return "nothing"
    if source.listing:
        return "SHA-1 of each file"
    if all(archive.checksum for archive in source.archives):
        return "publisher's MD5" if "md5:" in source.archives[0].checksum else "publisher's SHA-256"
    recorded = [recorded_checksum(archive, data) for archive in source.archives]
    return f"first download, {recorded[0].removeprefix('sha256:')[:8]}" if all(recorded) else "nothing yet"


def missing(source: Source, folder: Path) -> list[ListedFile]:
    """List the files of a source that are missing from a folder, or have another size in it."""
    return [file for file in read_listing(source).values() if _size(folder / file.path) != file.size]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _data_files(folder: Path) -> Iterator[str]:
    """Yield the path of each data file below the folder; hidden files and folders are skipped."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and name.lower().endswith(_DATA):
                yield Path(parent, name).relative_to(folder).as_posix()


def blob_sha1(content: bytes) -> str:
    r"""Return git's name of a file's content: SHA-1 of ``blob SIZE\0`` and the content.

    >>> blob_sha1(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_published(path: Path, file: ListedFile) -> bool:
    """Return whether a file has the published content."""
    try:
        return path.stat().st_size == file.size and blob_sha1(path.read_bytes()) == file.blob_sha1
    except OSError:
        return False


def check_content(source: Source, folder: Path) -> None:
    """Compare every file of a folder with the published file of its name.

    Raises:
        DataError: a file differs, or does not belong to the set.
    """
    if source.listing:
        _check_content(source, folder)


@functools.lru_cache(maxsize=32)
def _check_content(source: Source, folder: Path) -> None:
    listing = read_listing(source)
    foreign, different = [], []
    for path in sorted(_data_files(folder)):
        if path not in listing:
            foreign.append(f"{path} is not one of its files")
        elif not is_published(folder / path, listing[path]):
            different.append(f"{path} differs from the published file")
    if problems := different + foreign:
        shown = problems[:_SHOWN] + ([f"{len(problems)} in all"] if len(problems) > _SHOWN else [])
        raise DataError(
            listed(f"{folder} is not {source.name} as it was published:", shown)
            + f"\nremove these files and run 'shapebias fetch {source.name}', or name your own folder by its path"
        )
