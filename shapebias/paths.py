"""Paths: home folders, names that are not UTF-8, and what lies in a folder."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from pathlib import Path

import attrs

__all__ = ["FoundFiles", "as_path", "files_below", "folder_identity", "printable", "why_unusable"]


def as_path(path: str | Path) -> Path:
    """Make a path of text; a leading ``~`` or ``~user`` is that home folder, as a shell would have it.

    >>> as_path("~/photos") == Path.home() / "photos"
    True
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user: a file may be called so
        return Path(path)


def printable(path: str | Path) -> str:
    r"""Return a path as text that every file and terminal takes: bytes that are not UTF-8 become escapes.

    >>> printable(Path("caf\udce9.png"))
    'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@attrs.define
class FoundFiles:
    """What lies below a folder.

    Args:
        files: the regular files: paths below the folder, with ``/``, not sorted.
        skipped: why something else was passed over, by its path.
    """

    files: list[str] = attrs.field(factory=list)
    skipped: dict[str, str] = attrs.field(factory=dict)


def folder_identity(folder: Path) -> tuple[int, int]:
    """Return what two paths of the same folder have in common: device and inode."""
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


def files_below(folder: Path, visited: set[tuple[int, int]] | None = None) -> FoundFiles:
    """List the regular files at any depth below a folder, following links, since data sets are often made of them.

    Each folder is listed once, under its own path where it has one below ``folder``: a link to a folder that is listed
    already, or to one that ``folder`` is in, is skipped.  So are links to nothing, pipes, sockets and devices, and
    folders that cannot be read.

    Args:
        folder: the folder.
        visited: folders, as :func:`folder_identity` gives them, that are not listed again; what is listed is added.
    """
    found, visited = FoundFiles(), set() if visited is None else visited
    visited |= {folder_identity(parent) for parent in folder.resolve().parents}
    folders, links = [""], deque[str]()
    while folders or links:
        name = folders.pop() if folders else links.popleft()  # a folder's own path comes before links to it
        try:
            identity = folder_identity(folder / name)
            if identity in visited:
                found.skipped[name] = "a link to a folder that is listed already"
                continue
            visited.add(identity)
            with os.scandir(folder / name) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            found.skipped[name] = f"a folder that cannot be read ({error.strerror})"
            continue
        for entry in entries:
            path = f"{name}/{entry.name}".removeprefix("/")
            problem = why_unusable(folder / path)
            if problem is not None:
                found.skipped[path] = problem
            elif entry.is_file():
                found.files.append(path)
            else:
                (links if entry.is_symlink() else folders).append(path)
    return found


def why_unusable(path: Path) -> str | None:
    """Say why a path is neither a folder nor a regular file; None where it is one of them."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return "a link to itself" if error.errno == errno.ELOOP else f"cannot be looked at ({error.strerror})"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "a pipe, socket or device"
