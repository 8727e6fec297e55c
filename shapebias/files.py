"""Files and folders: fingerprints, atomic writes, verified downloads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from shapebias.errors import DataError
from shapebias.paths import files_below, printable, why_unusable

__all__ = [
    "download",
    "file_stamp",
    "fingerprint",
    "new_file",
    "read_text",
    "sha256",
    "temporary_of",
    "temporary_path",
    "write_atomically",
]

_BLOCK = 1 << 20
_LARGEST_TEXT = 16 << 20


def sha256(path: str | Path) -> str:
    """Hash the content of one file.

    Args:
        path: a file.

    Returns:
        The SHA-256 as 64 hexadecimal digits.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    try:
        if (problem := why_unusable(Path(path))) and not problem.startswith("a link"):
            raise DataError(f"{printable(path)} is {problem}; give a file")
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}; check the path") from error


_digest = sha256  # `download` has a parameter of that name


def read_text(path: str | Path) -> str:
    """Read a hand-written text file, such as a study; bytes that are not UTF-8 become replacement characters.

    Args:
        path: a file of at most 16 MB.

    Raises:
        DataError: there is no such file, it is too large, or it cannot be read.
    """
    path = Path(path)
    try:
        if problem := why_unusable(path):
            raise DataError(f"{printable(path)} is {problem}; give a file")
        if path.stat().st_size > _LARGEST_TEXT:
            raise DataError(f"{printable(path)} has more than 16 MB, so it is not a hand-written text; check the path")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{printable(path)} cannot be read: {error.strerror}; check the path") from error


def fingerprint(path: str | Path) -> str:
    r"""Hash the content of a file, or the listing of a folder.

    A folder's fingerprint is the SHA-256 over ``"NAME\0SIZE\n"`` of every regular file in it, at any depth, where
    NAME is the path below the folder with ``/`` and the names are sorted.  Reading the content of a whole data set
    before each run would take minutes; an image replaced by another of equal size goes unnoticed.

    Args:
        path: a file or a folder.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: there is no such file or folder.
    """
    path = Path(path)
    if not path.is_dir():
        return sha256(path)
    digest = hashlib.sha256()
    for name, size in sorted(_listing(path)):
        digest.update(name + f"\0{size}\n".encode())
    return digest.hexdigest()


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return device, inode, size and time of a file, which change with the file; an empty tuple if it is missing."""
    if not path.is_file():
        return ()
    facts = path.stat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _listing(folder: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the name and size of each regular file."""
    for name in files_below(folder).files:
        yield os.fsencode(name), (folder / name).stat().st_size


def temporary_path(path: Path) -> Path:
    """Return an unused temporary path in the folder of ``path``."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def temporary_of(path: Path) -> str | None:
    """Return the file name that a temporary path was made for, None if the path is not temporary.

    >>> temporary_of(Path("run.h5.0123456789ab.tmp")), temporary_of(Path("notes.tmp"))
    ('run.h5', None)
    """
    found = re.fullmatch(r"(.+)\.[0-9a-f]{12}\.tmp", path.name)
    return found and found[1]


@contextlib.contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; when the body ends without an error, the file there replaces ``path`` atomically.

    The file is flushed to the disk before it is renamed, and so is the rename before this returns: after a power loss
    there is either the old file or the new one.  The temporary file is removed when the body raises.

    Args:
        path: the file to make or replace; its folder exists.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: str | Path, data: bytes | memoryview) -> None:
    """Write a whole file atomically: at any moment there is either the old file or the new one; see :func:`new_file`.

    Args:
        path: the file to make or replace; its folder exists.
        data: its content.

    Raises:
        OSError: the file cannot be written.
    """
    with new_file(path) as temporary, temporary.open("xb") as file:
        file.write(data)


def _sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders; it flushes their names with the files
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def download(url: str, path: str | Path, sha256: str) -> Path:
    """Download a file and check its SHA-256; a file that already has it is not downloaded again.

    Args:
        url: an ``http`` or ``https`` address.
        path: where to write it; missing folders are created.
        sha256: the SHA-256 that the content must have, 64 hexadecimal digits.

    Returns:
        The path.

    Raises:
        DataError: the address cannot be read, or the content differs; the message says what to do without a network.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "empty")
    >>> path.touch()
    >>> download("https://example.org/empty", path, fingerprint(path)) == path  # already here
    True
    """
    path = Path(path)
    if path.is_file() and _digest(path) == sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    by_hand = f"offline, fetch it elsewhere and put it at {path}; its SHA-256 is {sha256}"
    try:
        with new_file(path) as temporary:
            _fetch(url, temporary)
            found = _digest(temporary)
            if found != sha256:
                raise DataError(
                    f"{url} has SHA-256 {found}, not {sha256}: the file changed or the download was cut short or "
                    f"tampered with, so it was not kept; try again, or put the right file at {path}"
                )
    except (OSError, ValueError) as error:  # URLError is an OSError; a ValueError is an address of another scheme
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(f"{url} cannot be downloaded to {path}: {reason}; {by_hand}") from error
    return path


def _fetch(url: str, path: Path) -> None:
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https addresses are fetched")
    with urllib.request.urlopen(url, timeout=30) as response, path.open("xb") as file:  # noqa: S310 - checked above
        while block := response.read(_BLOCK):
            file.write(block)
