"""Files on a server: what tells one from another, and fetching them, also in several goes."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from shapebias.plugin import ShapebiasError

__all__ = ["Stamp", "download", "fetch", "stamp_of"]

_ATTEMPTS = 3
_PAUSE = 2.0
_BLOCK = 1 << 20
_TIMEOUT = 30
_BY_HAND = "without it, copy the shards here and name the files"
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


@attrs.frozen
class Stamp:
    """What tells a file from another version of it.

    Args:
        size: in bytes.
        tag: what the server calls this version (``ETag``, else ``Last-Modified``); of a file here, when it was written.
    """

    size: int
    tag: str


def stamp_of(url: str) -> Stamp:
    """Ask the server for the size and tag of a file.

    One byte is asked for, not the head alone: addresses that are signed allow the one and not the other.

    Raises:
        ShapebiasError: it is not there, the server cannot be reached, or does not say the size.
    """
    try:
        with _open(url, {"Range": "bytes=0-0"}) as response:
            return _stamp(url, response)
    except _BROKEN as error:
        raise _unreachable(url, error) from error


def download(url: str) -> bytes:
    """Fetch a small file whole.

    Raises:
        ShapebiasError: it is not there, or the server cannot be reached.
    """
    try:
        with _open(url, {}) as response:
            content: bytes = response.read()
            return content
    except _BROKEN as error:
        raise _unreachable(url, error) from error


def fetch(url: str, stamp: Stamp, path: Path) -> None:
    """Fetch a file; what ``path`` already has of it is not fetched again.

    A connection that breaks is taken up again, twice.

    Args:
        url: the address.
        stamp: which version it must be.
        path: where it goes; holds the beginning of this very version, or does not exist.

    Raises:
        ShapebiasError: it is not there any more, another version is, or the connection breaks time and again.
        OSError: what the operating system says of the disk.
    """
    problem: Exception | str = "the server closes too early"
    for attempt in range(_ATTEMPTS):
        if _size(path) < stamp.size:
            time.sleep(attempt * _PAUSE)
            try:
                _go_on(url, stamp, path)
            except _BROKEN as error:
                problem = error
    if _size(path) != stamp.size:
        raise ShapebiasError(
            f"{url} was cut short after {_size(path)} of {stamp.size} bytes, {_ATTEMPTS} times: {problem}; what came "
            "is kept: run the same command again to go on from there"
        )


def _go_on(url: str, stamp: Stamp, path: Path) -> None:
    with _open(url, {"Range": f"bytes={_size(path)}-"}) as response:
        if _stamp(url, response) != stamp:
            raise ShapebiasError(f"{url} is another version than at the beginning of the run; start again")
        partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
        # Without buffers: what has come is on the disk when the process is killed.
        with path.open("ab" if partial else "wb", buffering=0) as file:
            for block in _blocks(response):
                file.write(block)


def _blocks(response: Any) -> Iterator[bytes]:
    """Yield what comes, as it comes; whatever the network or TLS says is a broken connection, and not the disk."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except OSError as error:
        raise ConnectionError(str(error)) from error


def _open(url: str, headers: dict[str, str]) -> Any:
    """Open an address of http or https, as its caller has checked.

    Raises:
        ShapebiasError: the server answers that the file is not to be had; asking again would not help.
    """
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise ShapebiasError(
            f"{url} is not to be had: {error.code} {error.reason}; check the name; {_BY_HAND}"
        ) from error


def _stamp(url: str, response: Any) -> Stamp:
    headers = response.headers
    partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
    size = headers.get("Content-Range", "").rpartition("/")[2] if partial else headers.get("Content-Length", "")
    if not size.isdecimal():
        raise ShapebiasError(
            f"the server does not say how large {url} is, so that the cache cannot hold it; {_BY_HAND}"
        )
    return Stamp(int(size), headers.get("ETag") or headers.get("Last-Modified") or "")


def _unreachable(url: str, error: Exception) -> ShapebiasError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return ShapebiasError(f"{url} cannot be reached: {reason}; check the network and the name; {_BY_HAND}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
