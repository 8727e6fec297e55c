"""One shard: its file, and the listing of its samples, which is made once and cached."""

from __future__ import annotations

import contextlib
import json
import threading
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import attrs

from shapebias.plugin import ShapebiasError
from shapebias_webdataset.addresses import Address, is_remote
from shapebias_webdataset.cache import Cache
from shapebias_webdataset.members import Entries, ListedSample, Member, read_listing, read_member
from shapebias_webdataset.remote import FileVersion, file_version

__all__ = ["LocalFile", "RemoteFile", "Shard", "shard_at"]

_FORMAT = "shapebias-webdataset listing, version 1"


@attrs.frozen
class LocalFile:
    """A file on the disk."""

    path: Path

    @property
    def version(self) -> FileVersion:
        """Its size, and the time when it was written."""
        facts = self.path.stat()
        return FileVersion(facts.st_size, str(facts.st_mtime_ns))

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return self.path.open("rb")


@attrs.frozen
class RemoteFile:
    """A file on a server, read through the cache."""

    address: Address
    cache: Cache

    @cached_property
    def version(self) -> FileVersion:
        """Its size and tag according to the server at the first request."""
        return file_version(self.address.text)

    def open(self) -> BinaryIO:
        """Open its copy in the cache for reading; the first call downloads it."""
        return self.cache.open(self.address.text, self.version, self.address.name)


@attrs.define(eq=False)
class Shard:
    """One tar file of samples.

    Args:
        address: its path or URL, and the number of samples that a list states.
        source: its file.
        entries: the members of each sample that are read.
        cache: the cache of its listing.
    """

    address: Address
    source: LocalFile | RemoteFile
    entries: Entries
    cache: Cache
    _listing: tuple[ListedSample, ...] | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def __len__(self) -> int:
        return len(self.listing) if self.address.samples is None else self.address.samples

    @property
    def listing(self) -> tuple[ListedSample, ...]:
        """Its samples; kept as JSON in the cache, and read again when the file changes.

        Raises:
            ShapebiasError: see :func:`read_listing`; or a list states another number of samples.
        """
        with self._lock:
            if self._listing is None:
                self._listing = self._cached_listing() or self._read()
        if self.address.samples not in (None, len(self._listing)):
            raise ShapebiasError(
                f"{self.address.text} has {len(self._listing)} samples, but its list states {self.address.samples}; "
                "correct the list, or give the shards without it"
            )
        return self._listing

    def read(self, member: Member) -> bytes:
        """Read the content of a member."""
        with self.source.open() as file:
            return read_member(file, self.address.text, member)

    @property
    def _path(self) -> Path:
        location = self.address.text if is_remote(self.address.text) else Path(self.address.text).resolve()
        return self.cache.listing_path(self.address.name, str(location), self.entries)

    def _cached_listing(self) -> tuple[ListedSample, ...] | None:
        """Read the listing from the cache; None if it has no listing of this version of the file."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(self._path.read_text(encoding="ascii"))
            if content["format"] == _FORMAT and content["stamp"] == list(attrs.astuple(self.source.version)):
                return tuple(
                    ListedSample(key, Member(*image), label, shape, texture, mask and Member(*mask))
                    for key, image, label, shape, texture, mask in content["samples"]
                )
        return None

    def _read(self) -> tuple[ListedSample, ...]:
        version = self.source.version
        with self.source.open() as file:
            listing = read_listing(file, self.address.text, self.entries)
        samples = [attrs.astuple(each) for each in listing]
        self.cache.write(
            self._path, json.dumps({"format": _FORMAT, "stamp": attrs.astuple(version), "samples": samples})
        )
        return listing


def shard_at(address: Address, entries: Entries, cache: Cache) -> Shard:
    """Make the shard of an address."""
    source = RemoteFile(address, cache) if is_remote(address.text) else LocalFile(Path(address.text))
    return Shard(address, source, entries, cache)
