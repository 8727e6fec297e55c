"""Sources: published data with a name, their address, their licence, and how their content is checked."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import attrs

from shapebias.errors import PluginError

__all__ = ["Archive", "ListedFile", "Source", "built_in_sources", "read_listing", "read_sources"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(:[A-Za-z0-9-]+)?")
_CHECKSUM = re.compile(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}")


def _archives(values: Iterable[Archive | Mapping[str, Any]]) -> tuple[Archive, ...]:
    return tuple(value if isinstance(value, Archive) else Archive(**value) for value in values)


@attrs.frozen
class Archive:
    """One file that is downloaded and unpacked.

    Args:
        address: the URL of the file.
        checksum: ``md5:...`` or ``sha256:...`` as the publisher gives it; empty, the default, if there is none.

    Raises:
        PluginError: the checksum is malformed.

    >>> Archive("https://example.org/stimuli.zip?download=1").file_name
    'stimuli.zip'
    """

    address: str
    checksum: str = ""

    def __attrs_post_init__(self) -> None:
        if self.checksum and not _CHECKSUM.fullmatch(self.checksum):
            raise PluginError(f"checksum {self.checksum!r} of {self.address}: write md5:... or sha256:...")

    @property
    def file_name(self) -> str:
        """The last part of the address."""
        return self.address.partition("?")[0].rstrip("/").rpartition("/")[2]


@attrs.frozen
class ListedFile:
    """One published file: path below its folder, size in bytes, and git's SHA-1 of its content."""

    path: str
    size: int
    blob_sha1: str


@attrs.frozen
class Source:
    """Published data with one name.

    They are published as ``archives``, as single files below ``address`` that ``listing`` names, or, with ``manual``,
    only for users who log in.

    Args:
        name: the name, such as ``edges`` or ``model-vs-human:sketch``.
        summary: a short description.
        images: the number of images of the complete set; None if it is not a set of images.
        files: the number of files of the complete set; None takes ``images``.
        bytes: approximate size of the download.
        licence: the licence that the publisher states.
        page: the publisher's page about the data.
        archives: the archives to download and unpack.
        address: the base URL of the files in ``listing``.
        listing: resource ``package:path`` with a line ``path<TAB>bytes<TAB>git blob SHA-1`` for each file.
        manual: how to get the data by hand, if it cannot be fetched.
        folder: its folder below the data folder; empty takes the name, with ``/`` for ``:``.

    Raises:
        PluginError: the name or a checksum is malformed, or it has no archives, listing or manual.
    """

    name: str
    summary: str
    images: int | None = attrs.field(default=None, kw_only=True)
    files: int | None = attrs.field(default=None, kw_only=True)
    bytes: int = attrs.field(default=0, kw_only=True)
    licence: str = attrs.field(default="none stated", kw_only=True)
    page: str = attrs.field(default="", kw_only=True)
    archives: tuple[Archive, ...] = attrs.field(default=(), converter=_archives, kw_only=True)
    address: str = attrs.field(default="", kw_only=True)
    listing: str = attrs.field(default="", kw_only=True)
    manual: str = attrs.field(default="", kw_only=True)
    folder: str = attrs.field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"source name {self.name!r}: write name or name:part in letters, digits and '-'")
        ways = [bool(self.archives), bool(self.listing and self.address), bool(self.manual)]
        if sum(ways) != 1:
            raise PluginError(f"source {self.name!r}: give archives, or address and listing, or manual")

    @property
    def subfolder(self) -> str:
        """Its folder below the data folder."""
        return self.folder or self.name.replace(":", "/")

    @property
    def expected(self) -> int | None:
        """The number of files of the complete set, None if it is not stated."""
        return self.images if self.files is None else self.files

    @property
    def unit(self) -> str:
        """The word for its files: images, or files."""
        return "images" if self.expected == self.images else "files"

    @property
    def size(self) -> str:
        """The size of the download in words.

        >>> Source("mine", "", bytes=136_489_547, manual="ask").size
        '136 MB'
        """
        return size_text(self.bytes)


def size_text(count: int) -> str:
    """Write a number of bytes for people, with decimal units.

    >>> size_text(0), size_text(521731), size_text(22_565_673_785)
    ('', '522 kB', '22.6 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            number = count / factor
            return f"{number:.1f} {unit}" if number < 100 else f"{number:.0f} {unit}"
    return f"{count} bytes" if count else ""


def read_sources(text: str) -> tuple[Source, ...]:
    """Read sources from TOML: a table for each, whose keys are the fields of :class:`Source`.

    Raises:
        PluginError: a table is malformed; the message names it.
    """
    found = []
    for name, fields in tomllib.loads(text).items():
        try:
            found.append(Source(name, **fields))
        except TypeError as error:
            raise PluginError(f"source {name!r}: {error}") from error
    return tuple(found)


@functools.cache
def built_in_sources() -> Mapping[str, Source]:
    """Return the sources of the built-in data sets by name."""
    text = resources.files("shapebias").joinpath("resources/sources.toml").read_text(encoding="utf-8")
    return {source.name: source for source in read_sources(text)}


@functools.cache
def read_listing(source: Source) -> Mapping[str, ListedFile]:
    """Return the files of a source that is published file by file, by their path."""
    package, _, path = source.listing.partition(":")
    lines = resources.files(package).joinpath(path).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {path: ListedFile(path, int(size), sha1) for path, size, sha1 in rows}
