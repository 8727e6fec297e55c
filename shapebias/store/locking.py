"""The lock of a store: one process writes it at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from shapebias.errors import StoreError

__all__ = ["WriterLock"]


# A process that only checks whether the lock is free holds it for a moment.
_PATIENCE = 0.2
_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES}


class WriterLock:
    """The lock on a store; the operating system releases it when the process ends, even after a crash.

    Args:
        path: the store; the lock is the hidden file ``.NAME.lock`` in the same folder.
    """

    def __init__(self, path: Path) -> None:
        self._store = path
        self._path = path.with_name(f".{path.name}.lock")
        self._lock = FileLock(self._path)

    def acquire(self) -> None:
        """Acquire the lock, or fail within a fraction of a second.

        Raises:
            StoreError: another process has it, which the message names; or the file system has no locks.
        """
        holder = self._holder()
        self._check_locks()
        try:
            self._lock.acquire(timeout=_PATIENCE, poll_interval=_PATIENCE / 4)
        except Timeout:
            raise StoreError(
                f"{self._store} is being written by another process ({holder}); wait for it or stop it, "
                "or choose another output"
            ) from None
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with contextlib.suppress(OSError):  # only for the message of a second writer; the lock does not need it
            self._path.write_text(json.dumps(facts))

    def _check_locks(self) -> None:
        """Refuse a file system without locks.

        Asked here, as versions of filelock differ: they wait as if another process had the lock, raise, or take a file
        for a lock, which stays after a kill.

        Raises:
            StoreError: there are no locks.
        """
        if sys.platform == "win32":  # its file systems have locks
            return
        import fcntl

        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return
            raise StoreError(
                f"{self._store} is on a file system without locks ({error.strerror}), so two writers could damage it; "
                "choose an output on another disk, and copy the file afterwards"
            ) from error
        finally:
            os.close(handle)

    def release(self) -> None:
        """Release the lock.  Its file stays: removing it could let two writers in."""
        self._lock.release()

    def is_held(self) -> bool:
        """Return whether a process is writing the store; false if that is unknown."""
        if not self._path.exists():
            return False
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        except (NotImplementedError, OSError):  # no locks
            return False
        self._lock.release()
        return False

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
            return "unknown process"
