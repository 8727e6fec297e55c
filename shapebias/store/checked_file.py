"""Open an HDF5 file that may be damaged, through a stream that checks what HDF5 itself does not.

The file format has checksums on everything but the heaps of its texts (signature ``GCOL``), and a heap with an object
of size zero sends HDF5 into an endless loop.  So each heap is checked before HDF5 reads it.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from pathlib import Path
from typing import Any

import h5py

from shapebias.errors import StoreError

__all__ = ["CheckedFile", "open_file"]

_HEAP = b"GCOL\x01\0\0\0"
_HEAP_HEADER, _OBJECT_HEADER = 16, 16


def open_file(path: Path) -> h5py.File:
    """Open a file of a store for reading; other processes may replace the file, but never modify it.

    Raises:
        StoreError: the file is damaged, is not an HDF5 file, or is a pipe or a device.
        FileNotFoundError: the file was removed.
    """
    try:
        stream = CheckedFile(path)
        try:
            return h5py.File(os.fspath(path), "r", driver="fileobj", fileobj=stream, locking=False)
        except BaseException:
            stream.close()
            raise
    except (FileNotFoundError, StoreError):
        raise
    except Exception as error:
        raise StoreError(
            f"{path} is not an HDF5 file, or it is damaged ({' '.join(str(error).split())}); {_way_out(path)}"
        ) from error


def _way_out(path: Path) -> str:
    if path.parent.parent.suffix == ".parts":
        return "delete this part and run the same command again, which computes it"
    return "choose another file, or restore this one from a copy"


class CheckedFile(io.RawIOBase):
    """A regular file, opened for reading.

    Args:
        path: the file.

    Raises:
        StoreError: it is a pipe, socket or device; on reading: a heap is damaged.
        OSError: it cannot be opened or read, or ends too early.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = io.FileIO(path, opener=_open_without_waiting)
        facts = os.fstat(self._file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            self._file.close()
            raise StoreError(f"{path} is a pipe, socket or device; choose another file")
        self.size = facts.st_size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` from the current position."""
        view = memoryview(buffer).cast("B")
        start = self._file.tell()
        self._fill(view)
        if view[: len(_HEAP)] == _HEAP:
            self._check_heap(start)
        return len(view)

    def _fill(self, view: memoryview) -> None:
        """Read until ``view`` is full: one read of a slow or interrupted file system may return less."""
        done = 0
        while done < len(view):
            count = self._file.readinto(view[done:])
            if not count:
                raise OSError("it ends too early")
            done += count

    def _check_heap(self, start: int) -> None:
        """Check that the objects of the heap at ``start`` fill it, and that each has a valid size."""
        position = self._file.tell()
        try:
            self._file.seek(start)
            header = bytearray(_HEAP_HEADER)
            self._fill(memoryview(header))
            (size,) = struct.unpack_from("<Q", header, 8)
            whole = _HEAP_HEADER <= size <= self.size - start
            if whole:
                heap = bytearray(size - _HEAP_HEADER)
                self._fill(memoryview(heap))
                whole = _is_whole(heap)
        finally:
            self._file.seek(position)
        if not whole:
            raise StoreError(f"{self._path} is damaged (the texts at byte {start}); {_way_out(self._path)}")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file without blocking: a pipe without a writer opens at once too, and is then refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _is_whole(heap: bytearray) -> bool:
    position = 0
    while len(heap) - position >= _OBJECT_HEADER:
        index, size = struct.unpack_from("<H6xQ", heap, position)
        # Object 0 is the free space at the end, and its size includes its header.
        length = size if index == 0 else _OBJECT_HEADER + (size + 7) // 8 * 8
        if not _OBJECT_HEADER <= length <= len(heap) - position:
            return False
        position += length
    return True
