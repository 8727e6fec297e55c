"""A folder with the shards of servers that were used last, never more of them than fit."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import attrs
import platformdirs
from filelock import FileLock

from shapebias.plugin import ShapebiasError
from shapebias_webdataset.remote import Stamp, fetch

__all__ = ["Cache"]

FOLDER, GIGABYTES = "SHAPEBIAS_WEBDATASET_CACHE", "SHAPEBIAS_WEBDATASET_CACHE_GB"
_DEFAULT_GIGABYTES = "20"


@attrs.frozen
class Cache:
    """Shards of servers, and listings of shards, in one folder.

    It is shared by threads and processes: one shard is fetched at a time, and a name is there once its file is whole.

    Args:
        folder: the folder; it is made.
        limit: bytes that the shards in it never exceed.
    """

    folder: Path
    limit: int

    @classmethod
    def from_environment(cls) -> Self:
        """Take folder and size from the environment: they differ between machines, and change no result.

        Raises:
            ShapebiasError: the size is no number above 0.
        """
        folder = os.environ.get(FOLDER) or platformdirs.user_cache_path("shapebias") / "webdataset"
        gigabytes = os.environ.get(GIGABYTES) or _DEFAULT_GIGABYTES
        try:
            limit = int(float(gigabytes) * 1e9)
        except (ValueError, OverflowError):
            limit = 0
        if limit <= 0:
            raise ShapebiasError(f"{GIGABYTES} is {gigabytes!r}; give a number above 0, in units of 10^9 bytes")
        return cls(Path(folder), limit)

    def listing_path(self, name: str, *identity: object) -> Path:
        """Name the file for the listing of the shard called ``name``, told from others by ``identity``."""
        return self.folder / "listings" / f"{_short(*identity)}-{name}.json"

    def write(self, path: Path, content: str) -> None:
        """Write a file of the cache, whole or not at all.

        Raises:
            ShapebiasError: the folder cannot be written.
        """
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
            temporary.write_text(content, encoding="ascii")
            temporary.replace(path)

    def open(self, url: str, stamp: Stamp, name: str) -> BinaryIO:
        """Open a shard of a server, which is fetched where it is not there.

        Raises:
            ShapebiasError: it cannot be fetched, or is larger than the whole cache; the folder cannot be written.
        """
        path = self.folder / "shards" / f"{_short(url, stamp)}-{name}.tar"
        with self._explained():
            with contextlib.suppress(FileNotFoundError):
                return _use(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                if not path.exists():  # another thread may have fetched it meanwhile
                    part = path.with_name(f"{path.name}.part")
                    self._make_room(url, stamp, part)
                    fetch(url, stamp, part)
                    part.replace(path)
                return _use(path)

    def _make_room(self, url: str, stamp: Stamp, part: Path) -> None:
        """Remove the shards that were used longest ago, until a new one fits."""
        if stamp.size > self.limit:
            raise ShapebiasError(
                f"{url} has {stamp.size / 1e9:g} GB and the whole cache {self.limit / 1e9:g}; let {GIGABYTES} be larger"
            )
        others = [path for path in part.parent.iterdir() if path != part]
        used = sum(path.stat().st_size for path in others)
        for path in sorted(others, key=lambda path: path.stat().st_mtime_ns):
            if used + stamp.size <= self.limit:
                break
            used -= path.stat().st_size
            path.unlink()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ShapebiasError(
                f"{self.folder} cannot be written: {error}; make room there, or let {FOLDER} name another folder"
            ) from error


def _short(*identity: object) -> str:
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]


def _use(path: Path) -> BinaryIO:
    """Open a file, and note that it was used; who has it open can read on when it is removed."""
    os.utime(path)
    return path.open("rb")
