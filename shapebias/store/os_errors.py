"""Errors of the operating system while a store is written: translated, or deferred until HDF5 has returned."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapebias.errors import StoreError

__all__ = ["DeferredErrorFile", "translate_os_errors"]


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system while writing a store into a :class:`StoreError` with advice."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}; every finished part is kept: "
                "free some space and run the same command again"
            ) from error
        if error.errno in _FORBIDDEN:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}; choose another output, or get permission to write there"
            ) from error
        raise StoreError(f"{path} cannot be written: {error}; check the folder and the disk") from error


class DeferredErrorFile(io.RawIOBase):
    """A file that HDF5 writes to, whose errors are raised after HDF5 has returned.

    HDF5 aborts the process when a write fails, for example on a full disk.  This file records the first error, ignores
    later writes, and raises the error when :meth:`check` is called between two calls of HDF5.

    Args:
        path: the file to create.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._failure: BaseException | None = None

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._failure is not None:
            raise self._failure

    def write(self, data: Any) -> int:
        """Write all of ``data``, or record the error."""
        view = memoryview(data).cast("B")
        size = len(view)
        try:
            while view and self._failure is None:
                view = view[self._file.write(view) :]
        except BaseException as failure:  # noqa: BLE001 - Ctrl-C must not pass through HDF5 either
            self._failure = failure
        return size

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; data that an error left unwritten are read as zeros."""
        view = memoryview(buffer).cast("B")
        try:
            count = self._file.readinto(view)
        except BaseException as failure:  # noqa: BLE001
            self._failure, count = self._failure or failure, 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, or record the error."""
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
        """Return the position of the next read or write."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
