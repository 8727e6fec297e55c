"""Download one file with pooch: interrupted downloads continue, and an error says what to do offline."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pooch
import requests

from shapebias.errors import DataError

__all__ = ["Meter", "download_file"]

_RETRIES = 2
_CONNECT_TIMEOUT = 5  # seconds
_TIMEOUT = 30  # seconds without a byte
_BLOCK = 1 << 18
_GIVE_UP = range(400, 500)
_TRY_AGAIN = (408, 416, 425, 429)

pooch.get_logger().setLevel(logging.WARNING)


class Meter(Protocol):
    """Called while a file is downloaded."""

    def __call__(self, arrived: int, total: int | None) -> None:
        """Count new bytes; ``total`` is the size of the file if the server states it."""


def download_file(url: str, path: Path, checksum: str = "", *, by_hand: str, meter: Meter | None = None) -> Path:
    """Download a file, unless it already exists and has the checksum.

    An interrupted download stays in ``NAME.part``; it is resumed if the server allows this and confirms that the file
    has not changed, and starts again otherwise.

    Args:
        url: an ``http`` or ``https`` address.
        path: the file to write.
        checksum: ``md5:...`` or ``sha256:...``; empty checks nothing.
        by_hand: what to do without the download, for messages.
        meter: called with the new bytes.

    Raises:
        DataError: there is no connection, the server refuses, or it sends a web page or other content.
        OSError: the disk is full or cannot be written.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DataError(f"{url} is not an http or https address\n{by_hand}")
    cache = pooch.create(path=path.parent, base_url="", registry={path.name: checksum or None}, urls={path.name: url})
    cache.retry_if_failed = _RETRIES
    partial = path.with_name(f"{path.name}.part")
    try:
        return Path(cache.fetch(path.name, downloader=_Resuming(partial, by_hand, meter)))
    except requests.RequestException as error:
        raise DataError(f"{url} cannot be downloaded: {_reason(error)}\n{by_hand}") from error
    except ValueError as error:  # pooch raises it for another checksum
        raise DataError(
            f"{url} does not have the checksum {checksum}: the file changed, or was damaged during the download, so it "
            f"was not kept; try again later\n{by_hand}"
        ) from error


class _Resuming:
    """A downloader for pooch that keeps the received bytes when the connection breaks."""

    def __init__(self, partial: Path, by_hand: str, meter: Meter | None) -> None:
        self.partial, self.by_hand, self.meter = partial, by_hand, meter
        self.validator = partial.with_name(f"{partial.name}.tag")

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - pooch's call
        with self._connect(url) as response:
            self._check_status(url, response)
            self._receive(url, response)
        self.partial.replace(output_file)
        self.validator.unlink(missing_ok=True)

    def _connect(self, url: str) -> requests.Response:
        """Send the request.

        Raises:
            DataError: there is no connection; trying again would only take time.
        """
        try:
            return requests.get(url, headers=self._headers(), stream=True, timeout=(_CONNECT_TIMEOUT, _TIMEOUT))
        except requests.ConnectionError as error:
            if not _is_offline(error):
                raise
            raise DataError(f"{url} cannot be downloaded: {_reason(error)}\n{self.by_hand}") from error

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if self.partial.exists() and self.validator.exists():
            headers["Range"] = f"bytes={self.partial.stat().st_size}-"
            headers["If-Range"] = self.validator.read_text(encoding="ascii")
        return headers

    def _check_status(self, url: str, response: requests.Response) -> None:
        status = response.status_code
        if status == requests.codes.requested_range_not_satisfiable:
            self.partial.unlink(missing_ok=True)
        if status in _GIVE_UP and status not in _TRY_AGAIN:
            raise DataError(f"{url} is refused: {status} {response.reason}\n{self.by_hand}")
        response.raise_for_status()

    def _receive(self, url: str, response: requests.Response) -> None:
        resumed = response.status_code == requests.codes.partial_content
        start = self.partial.stat().st_size if resumed else 0
        total = _total(response.headers, start)
        if not resumed:
            self.validator.unlink(missing_ok=True)
            if tag := _validator(response.headers):
                self.validator.write_text(tag, encoding="ascii")
        if resumed and self.meter is not None:
            self.meter(start, total)
        with self.partial.open("ab" if resumed else "wb") as file:
            for index, block in enumerate(response.iter_content(_BLOCK)):
                if index == 0 and not resumed and _is_page(response.headers, block):
                    raise DataError(f"{url} answers with a web page and not with the file\n{self.by_hand}")
                file.write(block)
                if self.meter is not None:
                    self.meter(len(block), total)
        size = self.partial.stat().st_size
        if total is not None and size != total:
            raise requests.ConnectionError(f"it ended after {size:,} of {total:,} bytes")


def _total(headers: Mapping[str, str], start: int) -> int | None:
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _validator(headers: Mapping[str, str]) -> str:
    """Return a strong entity tag, or the date of the last change, by which the server confirms an unchanged file."""
    tag = headers.get("ETag", "")
    found = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
    return found if found.isascii() else ""


def _is_page(headers: Mapping[str, str], block: bytes) -> bool:
    start = block[:512].lstrip().lower()
    html = headers.get("Content-Type", "").startswith("text/html")
    return start.startswith((b"<!doctype html", b"<html")) or (html and start.startswith(b"<"))


def _is_offline(error: requests.ConnectionError) -> bool:
    """Return whether no connection was made: urllib3 then gives its reason.  One that breaks later has none."""
    return bool(error.args) and hasattr(error.args[0], "reason")


def _reason(error: requests.RequestException) -> str:
    """Describe what went wrong in a few words: the innermost cause, without the objects around it."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {_CONNECT_TIMEOUT} seconds"
    if isinstance(error, requests.Timeout):
        return f"nothing arrived within {_TIMEOUT} seconds"
    innermost: Any = error
    while isinstance(getattr(innermost, "reason", None) or (innermost.args or (None,))[0], BaseException):
        innermost = getattr(innermost, "reason", None) or innermost.args[0]
    text = re.sub(r"^\S*(Connection|Pool)\(.*?\): ", "", str(innermost))
    return text or type(innermost).__name__
