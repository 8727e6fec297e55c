"""Files on a server: their versions, and downloads that can be resumed."""

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

__all__ = ["FileVersion", "download", "fetch", "file_version"]

_ATTEMPTS = 3
_PAUSE = 2.0
_BLOCK = 1 << 20
_TIMEOUT = 30
_ADVICE = "otherwise, copy the shards to this machine and give the local files"
_CONNECTION_ERRORS = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


@attrs.frozen
class FileVersion:
    """The facts that distinguish versions of a file.

    Args:
        size: in bytes.
        tag: the version according to the server (``ETag``, else ``Last-Modified``); for a local file, the time of the
            last change.
    """

    size: int
    tag: str


def file_version(url: str) -> FileVersion:
    """Ask the server for the size and tag of a file.

    This requests one byte instead of the header, because signed addresses do not allow HEAD requests.

    Raises:
        ShapebiasError: it does not exist, or the server cannot be reached or does not state the size.
    """
    try:
        with _open(url, {"Range": "bytes=0-0"}) as response:
            return _file_version(url, response)
    except _CONNECTION_ERRORS as error:
        raise _unreachable(url, error) from error


def download(url: str) -> bytes:
    """Download a small file.

    Raises:
        ShapebiasError: it does not exist, or the server cannot be reached.
    """
    try:
        with _open(url, {}) as response:
            content: bytes = response.read()
            return content
    except _CONNECTION_ERRORS as error:
        raise _unreachable(url, error) from error


def fetch(url: str, version: FileVersion, path: Path) -> None:
    """Download a file; the part that ``path`` already has is not downloaded again.

    A broken connection is resumed twice.

    Args:
        url: the address.
        version: the expected version.
        path: the file to write; it has the beginning of this version, or does not exist.

    Raises:
        ShapebiasError: it no longer exists or is another version, or the connection breaks repeatedly.
        OSError: the file cannot be written.
    """
    problem: Exception | str = "the server closes the connection too early"
    for attempt in range(_ATTEMPTS):
        if _size(path) < version.size:
            time.sleep(attempt * _PAUSE)
            try:
                _resume(url, version, path)
            except _CONNECTION_ERRORS as error:
                problem = error
    if _size(path) != version.size:
        raise ShapebiasError(
            f"{url} ended after {_size(path)} of {version.size} bytes, {_ATTEMPTS} times: {problem}; these bytes are "
            "kept: run the same command again to continue"
        )


def _resume(url: str, version: FileVersion, path: Path) -> None:
    with _open(url, {"Range": f"bytes={_size(path)}-"}) as response:
        if _file_version(url, response) != version:
            raise ShapebiasError(f"{url} is another version than at the beginning of the run; start again")
        partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
        # Without buffers, so that all received bytes are on disk when the process is killed.
        with path.open("ab" if partial else "wb", buffering=0) as file:
            for block in _blocks(response):
                file.write(block)


def _blocks(response: Any) -> Iterator[bytes]:
    """Yield the received bytes; an error of the network or TLS becomes a ConnectionError, unlike a disk error."""
    try:
        while block := response.read1(_BLOCK):
            yield block
    except OSError as error:
        raise ConnectionError(str(error)) from error


def _open(url: str, headers: dict[str, str]) -> Any:
    """Open an address, which the caller has checked to be http or https.

    Raises:
        ShapebiasError: the server refuses the request, so that a retry would not help.
    """
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise ShapebiasError(
            f"{url} cannot be downloaded: {error.code} {error.reason}; check the name; {_ADVICE}"
        ) from error


def _file_version(url: str, response: Any) -> FileVersion:
    headers = response.headers
    partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
    size = headers.get("Content-Range", "").rpartition("/")[2] if partial else headers.get("Content-Length", "")
    if not size.isdecimal():
        raise ShapebiasError(f"the server does not state the size of {url}, which the cache needs; {_ADVICE}")
    return FileVersion(int(size), headers.get("ETag") or headers.get("Last-Modified") or "")


def _unreachable(url: str, error: Exception) -> ShapebiasError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return ShapebiasError(f"{url} cannot be reached: {reason}; check the network and the name; {_ADVICE}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
