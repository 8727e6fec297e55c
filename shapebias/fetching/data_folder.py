"""The folder of published data on this machine, and the records of downloads."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from shapebias.defaults import user_defaults
from shapebias.errors import DataError
from shapebias.fetching.sources import Archive, Source
from shapebias.files import temporary_of, write_atomically

__all__ = [
    "VARIABLE",
    "data_folder",
    "downloads_folder",
    "finished",
    "folder_of",
    "is_unfinished",
    "mark_finished",
    "mark_unfinished",
    "record_checksum",
    "recorded_checksum",
    "writable",
]

VARIABLE = "SHAPEBIAS_DATA"
_MARK = ".shapebias.json"
_CHECKSUMS = "checksums.json"


def data_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of published data.

    It is the given folder, else ``$SHAPEBIAS_DATA``, else that of the user's defaults, else one in the user's cache.
    """
    chosen = folder or os.environ.get(VARIABLE) or user_defaults().get("data")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("shapebias") / "data"


def folder_of(source: Source, data: Path) -> Path:
    """Return the folder of a source below the data folder."""
    return data / source.subfolder


def downloads_folder(source: Source, data: Path) -> Path:
    """Return the folder of a source's downloads, before they are unpacked; archives can be put there by hand."""
    return data / "downloads" / source.subfolder


@contextlib.contextmanager
def writable(data: Path) -> Iterator[None]:
    """Turn errors of the operating system about the data folder into readable ones.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename or data} cannot be written: {error.strerror or error}; choose another folder with "
            f"--to or ${VARIABLE}, or free some space"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(content, indent=1, sort_keys=True).encode())


def mark_unfinished(folder: Path) -> None:
    """Mark a folder as incomplete, so that it is not used as the data set before it is finished."""
    _write(folder / _MARK, {"finished": False})


def mark_finished(folder: Path, files: int) -> None:
    """Mark a folder as complete, with the number of its files."""
    _write(folder / _MARK, {"finished": True, "files": files})


def is_unfinished(folder: Path) -> bool:
    """Return whether a folder is marked as incomplete."""
    return _read(folder / _MARK).get("finished") is False


def finished(folder: Path) -> int | None:
    """Return how many files a folder had when it was complete; None if it was filled by hand."""
    files = _read(folder / _MARK).get("files")
    return files if isinstance(files, int) else None


def recorded_checksum(archive: Archive, data: Path) -> str:
    """Return ``sha256:...`` of the first download of an archive that has no published checksum, or an empty text."""
    return str(_read(data / _CHECKSUMS).get(archive.address, ""))


def record_checksum(archive: Archive, data: Path, checksum: str) -> None:
    """Record the checksum of a first download, one process at a time."""
    path = data / _CHECKSUMS
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        for stray in path.parent.glob("*.tmp"):
            if temporary_of(stray) == path.name:  # left by a process that was killed
                stray.unlink()
        _write(path, {**_read(path), archive.address: checksum})
