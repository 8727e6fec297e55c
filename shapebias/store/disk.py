"""What the disk can do to a store: it is full, or read-only, or another process is writing."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from shapebias.errors import StoreError

__all__ = ["Patient", "WriterLock", "explained"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing a store into what the user can do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}; every part finished before is kept: "
                "make room and run the same command again"
            ) from error
        if error.errno in _FORBIDDEN:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}; choose another output, or get the right to write there"
            ) from error
        raise StoreError(f"{path} cannot be written: {error}; check the folder and the disk") from error


class Patient(io.RawIOBase):
    """A file that HDF5 writes to, and that never fails in its face.

    HDF5 ends the process when a write fails (a full disk, most often).  This file remembers the first failure, drops
    what comes after it, and raises it when :meth:`check` is called between two calls of HDF5.

    Args:
        path: a file to make.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._failure: BaseException | None = None

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def write(self, data: Any) -> int:
        """Write all of ``data``, or remember why not."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view and self._failure is None:
                view = view[self._file.write(view) :]
        except BaseException as failure:  # noqa: BLE001 - Ctrl-C must not travel through HDF5 either
            self._failure = failure
        return size

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; what a failure left unwritten reads as zeros."""
        view = memoryview(buffer).cast("B")
        try:
            count = self._file.readinto(view)
        except BaseException as failure:  # noqa: BLE001
            self._failure, count = self._failure or failure, 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, or remember why not."""
        try:
            if self._failure is None:
                self._file.truncate(size)
        except BaseException as failure:  # noqa: BLE001
            self._failure = failure
        return self.tell() if size is None else size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Say where in the file the next read or write is."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class WriterLock:
    """The right to write a store; the operating system takes it back when the process ends, however it ends.

    Args:
        path: the store; the lock is the hidden file ``.NAME.lock`` beside it.
    """

    def __init__(self, path: Path) -> None:
        self._store = path
        self._path = path.with_name(f".{path.name}.lock")
        self._lock = FileLock(self._path)

    def acquire(self) -> None:
        """Take the lock at once, or refuse.

        Raises:
            StoreError: another process has it; says which.
        """
        holder = self._holder()
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"{self._store} is being written by another process ({holder}); wait for it or stop it, "
                "or choose another output"
            ) from None
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with contextlib.suppress(OSError):  # a courtesy to who comes second; the lock holds without it
            self._path.write_text(json.dumps(facts))

    def release(self) -> None:
        """Give the lock back.  Its file stays: removing it would let two writers in."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _holder(self) -> str:
        try:
            facts = json.loads(self._path.read_text())
            return f"process {facts['pid']} on {facts['host']} since {facts['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "which one is not known"
