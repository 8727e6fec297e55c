"""Where published data lies on this machine, and what is remembered of how it came there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import platformdirs

from shapebias.errors import DataError
from shapebias.fetching.sources import Archive, Source
from shapebias.files import write_atomically

__all__ = [
    "VARIABLE",
    "data_folder",
    "finished",
    "folder_of",
    "is_unfinished",
    "mark_finished",
    "mark_unfinished",
    "record_checksum",
    "recorded_checksum",
    "waiting_room",
    "writable",
]

VARIABLE = "SHAPEBIAS_DATA"
_MARK = ".shapebias.json"
_CHECKSUMS = "checksums.json"


def data_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of published data: the one given, else ``$SHAPEBIAS_DATA``, else in the user's cache."""
    chosen = folder or os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("shapebias") / "data"


def folder_of(source: Source, data: Path) -> Path:
    """Return where a source lies below the data folder."""
    return data / source.subfolder


def waiting_room(source: Source, data: Path) -> Path:
    """Return where the downloads of a source wait to be unpacked; archives fetched by hand are found there too."""
    return data / "downloads" / source.subfolder


@contextlib.contextmanager
def writable(data: Path) -> Iterator[None]:
    """Turn what the operating system says of the data folder into words.

    Raises:
        DataError: the folder cannot be written, or the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename or data} cannot be written: {error.strerror or error}; choose another folder with "
            f"--to or ${VARIABLE}, or make room"
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
    """Note in a folder that it is being filled: what is there until it is finished must not pass for the set."""
    _write(folder / _MARK, {"finished": False})


def mark_finished(folder: Path, files: int) -> None:
    """Note in a folder that fetching it ended, and how many files it has."""
    _write(folder / _MARK, {"finished": True, "files": files})


def is_unfinished(folder: Path) -> bool:
    """Say whether filling a folder was begun and not ended."""
    return _read(folder / _MARK).get("finished") is False


def finished(folder: Path) -> int | None:
    """Return how many files a folder had when fetching it ended; None where it was laid out by hand."""
    files = _read(folder / _MARK).get("files")
    return files if isinstance(files, int) else None


def recorded_checksum(archive: Archive, data: Path) -> str:
    """Return ``sha256:...`` of the first download of an archive that has no published checksum, or an empty text."""
    return str(_read(data / _CHECKSUMS).get(archive.address, ""))


def record_checksum(archive: Archive, data: Path, checksum: str) -> None:
    """Remember the checksum of a first download."""
    _write(data / _CHECKSUMS, {**_read(data / _CHECKSUMS), archive.address: checksum})
