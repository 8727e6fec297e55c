"""Paths: home folders, names that are not UTF-8, and the files below a folder."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import deque
from pathlib import Path

import attrs

__all__ = ["FoundFiles", "as_path", "files_below", "folder_identity", "printable", "readable", "why_unusable"]


def as_path(path: str | Path) -> Path:
    """Convert text to a path; a leading ``~`` or ``~user`` becomes the home folder, as in a shell.

    >>> as_path("~/photos") == Path.home() / "photos"
    True
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user, so the name is taken literally
        return Path(path)


def printable(path: str | Path) -> str:
    r"""Return a path as text that can be printed and stored: bytes that are not UTF-8 become escapes.

    >>> printable(Path("caf\udce9.png"))
    'caf\\xe9.png'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def readable(text: str) -> str:
    r"""Return text without the characters that XML forbids, such as control characters in names: they become escapes.

    >>> readable("c\x01at")
    'c\\x01at'
    """
    return _NOT_IN_XML.sub(lambda found: ascii(found[0])[1:-1], text)


@attrs.define
class FoundFiles:
    """The files below a folder.

    Args:
        files: the regular files, as unsorted paths relative to the folder, with ``/``.
        skipped: why each other entry was skipped, by its path.
    """

    files: list[str] = attrs.field(factory=list)
    skipped: dict[str, str] = attrs.field(factory=dict)


def folder_identity(folder: Path) -> tuple[int, int]:
    """Return a folder's device and inode, which are the same for every path of the folder."""
    facts = folder.stat()
    return facts.st_dev, facts.st_ino


def files_below(folder: Path, visited: set[tuple[int, int]] | None = None) -> FoundFiles:
    """List the regular files at any depth below a folder; links are followed, since many data sets consist of links.

    Each folder is listed once, under its own path if that is below ``folder``.  Skipped are links to a folder that is
    already listed or that contains ``folder``, broken links, pipes, sockets, devices, and folders that cannot be read.

    Args:
        folder: the folder.
        visited: folders not to list again, as :func:`folder_identity` returns them; the listed folders are added.
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
    """Return why a path is neither a folder nor a regular file; None if it is one of them."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return "a link to itself" if error.errno == errno.ELOOP else f"cannot be looked at ({error.strerror})"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "a pipe, socket or device"
