"""The shards that a text names: by braces, stars, a folder or a list, on disk or on a server."""

from __future__ import annotations

import glob
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

import attrs
from braceexpand import braceexpand

from shapebias.plugin import ShapebiasError
from shapebias_webdataset.remote import download

__all__ = ["Address", "find_shards", "is_remote"]

# Two letters or more, because C:\ is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_SHOWN = 10


@attrs.frozen
class Address:
    """The location of one shard.

    Args:
        text: its path or URL.
        samples: the number of samples that a list states; None without a list.
    """

    text: str
    samples: int | None = None

    @property
    def name(self) -> str:
        """The name of the file without ``.tar``, with which the ids of its samples begin."""
        path = urlsplit(self.text).path if is_remote(self.text) else Path(self.text).as_posix()
        return PurePosixPath(path).stem


def is_remote(text: str) -> bool:
    """Tell whether a text is a URL and not a path.

    >>> is_remote("https://example.org/a.tar"), is_remote("shards/a.tar")
    (True, False)
    """
    return text.lower().startswith(("http://", "https://"))


def find_shards(text: str) -> tuple[Address, ...]:
    """List the shards that a text names, in the order of braces and lists, else of their names.

    Raises:
        ShapebiasError: there are none, some are missing, two have one name, or the scheme of the address is not
            supported.

    >>> [shard.name for shard in find_shards("https://example.org/val-{00..02}.tar")]
    ['val-00', 'val-01', 'val-02']
    """
    try:
        texts = list(braceexpand(text))
    except ValueError as error:
        raise ShapebiasError(
            f"{text!r} has an unmatched brace; write shards as val-{{000..006}}.tar, or a brace itself as \\{{"
        ) from error
    shards = tuple(shard for each in texts for shard in _named(each))
    missing = [shard.text for shard in shards if not is_remote(shard.text) and not _is_file(shard)]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise ShapebiasError(
            f"shards are missing: {', '.join(missing[:_SHOWN])}{more}; {text!r} names {len(shards)}: put them there, "
            "or correct the name"
        )
    if twice := [name for name, count in Counter(shard.name for shard in shards).items() if count > 1]:
        raise ShapebiasError(
            f"{text!r} names several shards called {', '.join(twice[:_SHOWN])}, and the ids of samples begin with "
            "the name of their shard; read each folder as a separate data set, or rename the shards"
        )
    return shards


def _is_file(shard: Address) -> bool:
    return Path(shard.text).is_file()


def _named(text: str) -> Iterator[Address]:
    """Yield the shards of a text without braces."""
    scheme = _SCHEME.match(text)
    if scheme and not is_remote(text):
        raise ShapebiasError(
            f"{text!r}: {scheme[1]}: is not supported, only files and addresses of http and https; commands are never "
            "run: copy the shards to this machine, or give the http address of the shards"
        )
    if PurePosixPath(urlsplit(text).path if scheme else text).suffix == ".json":
        yield from _from_list(text)
    elif scheme or Path(text).is_file():
        yield Address(text)
    elif Path(text).is_dir():
        yield from _sorted(text, sorted(str(path) for path in Path(text).glob("*.tar")))
    elif glob.has_magic(text):
        yield from _sorted(text, sorted(glob.glob(text, recursive=True)))  # noqa: PTH207 - takes absolute patterns too
    else:
        yield Address(text)


def _sorted(text: str, paths: list[str]) -> Iterator[Address]:
    if not paths:
        raise ShapebiasError(f"{text!r} has no shards; give a folder with .tar files, or a pattern that matches some")
    yield from map(Address, paths)


def _from_list(text: str) -> Iterator[Address]:
    """Yield the shards of a list in the form of ``wids``, whose names are relative to the list."""
    try:
        content: Any = json.loads(download(text) if is_remote(text) else Path(text).read_bytes())
        rows = [(str(row["url"]), int(row["nsamples"])) for row in content["shardlist"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShapebiasError(
            f"{text} cannot be read as a list of shards ({type(error).__name__}: {error}); it is JSON like "
            '{"shardlist": [{"url": "val-000.tar", "nsamples": 1000}]}'
        ) from error
    for url, samples in rows:
        if _SCHEME.match(url):
            yield from (attrs.evolve(shard, samples=samples) for shard in _named(url))
        else:
            yield Address(urljoin(text, url) if is_remote(text) else str(Path(text).parent / url), samples)
