"""A folder of limited size with the downloaded shards that were used most recently."""

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
from shapebias_webdataset.remote import FileVersion, fetch

__all__ = ["Cache"]

FOLDER, GIGABYTES = "SHAPEBIAS_WEBDATASET_CACHE", "SHAPEBIAS_WEBDATASET_CACHE_GB"
_DEFAULT_GIGABYTES = "20"


@attrs.frozen
class Cache:
    """Downloaded shards, and listings of shards, in one folder.

    Threads and processes share it: one shard is downloaded at a time, and a file gets its name when it is complete.

    Args:
        folder: the folder; it is created if necessary.
        limit: largest total size of the shards in bytes.
    """

    folder: Path
    limit: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read folder and size from the environment, because they differ between machines and do not change results.

        Raises:
            ShapebiasError: the size is not a number above 0.
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
        """Return the path of the listing of the shard called ``name``, which ``identity`` distinguishes from others."""
        return self.folder / "listings" / f"{_short_hash(*identity)}-{name}.json"

    def write(self, path: Path, content: str) -> None:
        """Write a file of the cache atomically.

        Raises:
            ShapebiasError: the folder cannot be written.
        """
        with self._write_errors_explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
            temporary.write_text(content, encoding="ascii")
            temporary.replace(path)

    def open(self, url: str, version: FileVersion, name: str) -> BinaryIO:
        """Open a shard of a server; it is downloaded if it is not in the cache.

        Raises:
            ShapebiasError: it cannot be downloaded, or is larger than the whole cache; the folder cannot be written.
        """
        path = self.folder / "shards" / f"{_short_hash(url, version)}-{name}.tar"
        with self._write_errors_explained():
            with contextlib.suppress(FileNotFoundError):
                return _open_as_used(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                if not path.exists():  # another thread may have downloaded it in the meantime
                    part = path.with_name(f"{path.name}.part")
                    self._make_room(url, version, part)
                    fetch(url, version, part)
                    part.replace(path)
                return _open_as_used(path)

    def _make_room(self, url: str, version: FileVersion, part: Path) -> None:
        """Remove the least recently used shards until a new one fits."""
        if version.size > self.limit:
            raise ShapebiasError(
                f"{url} has {version.size / 1e9:g} GB and the whole cache {self.limit / 1e9:g}; set {GIGABYTES} to more"
            )
        others = [path for path in part.parent.iterdir() if path != part]
        used = sum(path.stat().st_size for path in others)
        for path in sorted(others, key=lambda path: path.stat().st_mtime_ns):
            if used + version.size <= self.limit:
                break
            used -= path.stat().st_size
            path.unlink()

    @contextlib.contextmanager
    def _write_errors_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ShapebiasError(
                f"{self.folder} cannot be written: {error}; free some space, or set {FOLDER} to another folder"
            ) from error


def _short_hash(*identity: object) -> str:
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]


def _open_as_used(path: Path) -> BinaryIO:
    """Open a file and mark it as used; an open file stays readable when it is removed."""
    os.utime(path)
    return path.open("rb")
