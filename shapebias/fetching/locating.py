"""Find the data of a source on this machine, and fetch missing files."""

from __future__ import annotations

import glob
import re
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
from filelock import FileLock, Timeout

from shapebias.errors import DataError, PluginError, suggestion
from shapebias.fetching.data_folder import (
    VARIABLE,
    data_folder,
    downloads_folder,
    finished,
    folder_of,
    mark_finished,
    mark_unfinished,
    record_checksum,
    recorded_checksum,
    writable,
)
from shapebias.fetching.inspecting import Presence, check_content, count_files, inspect, is_published, missing
from shapebias.fetching.sources import Archive, ListedFile, Source, built_in_sources, read_listing
from shapebias.files import sha256

if TYPE_CHECKING:
    from shapebias.fetching.downloading import Meter

__all__ = ["LocalData", "fetch_source", "local_data", "published"]

_CONNECTIONS = 8


@attrs.frozen
class LocalData:
    """Data of a source on this machine.

    Args:
        folder: its folder.
        note: ``320 of 1,280 images`` if a part is missing, None if it is complete.
    """

    folder: Path
    note: str | None = None


def published(name: str) -> Source:
    """Return the source of a built-in data set.

    Raises:
        PluginError: no source has that name.
    """
    known = built_in_sources()
    if name not in known:
        raise PluginError(f"no source is called {name!r}{suggestion(name, known)}")
    return known[name]


def local_data(source: Source, folder: Path | None = None) -> LocalData:
    """Return the folder of a source's data, and fetch them if there are none.

    A folder that was filled by hand, or that has only a part of the data, is used as it is; its note says so.

    Args:
        source: the source.
        folder: a folder of the user, whose content is not compared with the published data; None, the default, takes
            the data folder.

    Raises:
        DataError: there are no data and they cannot be fetched, or a file differs from the published one.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "a.png").touch()
    >>> local_data(Source("mine", "ten photos", images=10, manual="ask"), folder).note
    '1 of 10 images'
    """
    if folder is not None:
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder; give the folder of {source.name}, or leave the path out")
        return LocalData(folder, Presence(folder, count_files(folder), source.expected, source.unit).note)
    presence = inspect(source, data_folder())
    if not presence.usable:
        presence = fetch_source(source)
    else:
        check_content(source, presence.folder)
    return LocalData(presence.folder, presence.note)


def fetch_source(source: Source, to: str | Path | None = None) -> Presence:
    """Download and check the missing files of a source; a second process waits for the first.

    Args:
        source: the source.
        to: the data folder; None takes ``$SHAPEBIAS_DATA``, or the user's cache.

    Raises:
        DataError: there is no connection, the publisher refuses, the files differ from the published ones, or the
            folder cannot be written.
    """
    data = data_folder(to)
    presence = inspect(source, data)
    if not presence.usable or presence.note:
        if source.manual:
            return _by_hand(source, presence)
        with _locked(source, data):
            presence = inspect(source, data)
            if not presence.usable or presence.note:
                _announce(source, presence)
                with writable(data):
                    _remove_unpacked(source, data)
                    (_fetch_files if source.listing else _fetch_archives)(source, data)
    if finished(folder_of(source, data)) is not None:
        _remove_downloads(source, data)
    check_content(source, folder_of(source, data))
    return inspect(source, data)


def _by_hand(source: Source, presence: Presence) -> Presence:
    if presence.usable:
        return presence
    raise DataError(
        f"{source.name} cannot be fetched: {source.manual}\nput it at {presence.folder}, or set ${VARIABLE} to the "
        f"folder that has it as {source.subfolder}"
    )


def _announce(source: Source, presence: Presence) -> None:
    from shapebias.fetching.messages import announce

    size = f"{source.size}, " if source.size else ""
    announce(f"Fetching {source.name} ({size}licence: {source.licence}) into {presence.folder}")


@contextmanager
def _locked(source: Source, data: Path) -> Iterator[None]:
    """Let one process at a time fetch a source."""
    from shapebias.fetching.messages import announce

    downloads = downloads_folder(source, data)
    with writable(data):
        downloads.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{downloads}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            announce(f"Another process is fetching {source.name}; waiting for it")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_files(source: Source, data: Path) -> None:
    """Fetch a source that is published file by file; each file is checked after its download."""
    from shapebias.fetching.messages import download_progress

    folder = folder_of(source, data)
    wanted = missing(source, folder)
    if len(wanted) == len(read_listing(source)):  # an incomplete set that was copied by hand stays usable
        mark_unfinished(folder)
    total = sum(file.size for file in wanted)
    with download_progress(source, total) as meter, ThreadPoolExecutor(_CONNECTIONS, "fetch") as pool:
        try:
            for _ in pool.map(partial(_fetch_file, source, data, meter=meter), wanted):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    mark_finished(folder, len(read_listing(source)))


def _fetch_file(source: Source, data: Path, file: ListedFile, *, meter: Meter | None) -> None:
    from shapebias.fetching.downloading import download_file

    folder = folder_of(source, data)
    url = source.address + quote(file.path)
    by_hand = (
        f"offline: download it elsewhere and put it at {folder / file.path}, like all other "
        f"files of {source.name} (see {source.page});\nor set ${VARIABLE} to a folder that has it as {source.subfolder}"
    )
    # Not into the folder, which has only checked files.
    arrived = download_file(url, downloads_folder(source, data) / file.path, by_hand=by_hand, meter=meter)
    if not is_published(arrived, file):
        size = arrived.stat().st_size
        arrived.unlink()
        raise DataError(
            f"{url} differs from the published file: it has {size:,} bytes, and {file.size:,} bytes with git's SHA-1 "
            f"{file.blob_sha1} were expected, so it was not kept\n{by_hand}"
        )
    (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(folder / file.path)


def _fetch_archives(source: Source, data: Path) -> None:
    """Download and unpack the archives of a source outside of its folder, and move the files into it at the end."""
    from shapebias.fetching.unpacking import unpack

    folder, downloads = folder_of(source, data), downloads_folder(source, data)
    fresh = downloads.with_name(f"{downloads.name}.{uuid.uuid4().hex[:8]}.unpacked")
    try:
        for index, archive in enumerate(source.archives):
            arrived = _fetch_archive(source, archive, data)
            try:
                unpack(arrived, fresh if len(source.archives) == 1 else fresh / str(index))
            except DataError:
                arrived.replace(arrived.with_name(f"{arrived.name}.refused"))  # the next fetch downloads it again
                raise
            if not archive.checksum and not recorded_checksum(archive, data):
                record_checksum(archive, data, f"sha256:{sha256(arrived)}")
        mark_finished(fresh, count_files(fresh))  # before it is moved: a folder in place is complete and says so
        _move(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _remove_unpacked(source: Source, data: Path) -> None:
    """Remove what processes that were killed had unpacked and not moved into place."""
    folder = downloads_folder(source, data)
    for found in folder.parent.glob(f"{glob.escape(folder.name)}.*"):
        if re.fullmatch(r"[0-9a-f]{8}\.unpacked(\.inner)?", found.name.removeprefix(f"{folder.name}.")):
            shutil.rmtree(found, ignore_errors=True)


def _remove_downloads(source: Source, data: Path) -> None:
    """Remove the downloads of a source that is in place; nobody who still needs them is disturbed."""
    folder = downloads_folder(source, data)
    if not folder.exists() and not [*folder.parent.glob(f"{glob.escape(folder.name)}.*.unpacked*")]:
        return
    with suppress(Timeout, OSError), FileLock(f"{folder}.lock", timeout=0):
        _remove_unpacked(source, data)
        shutil.rmtree(folder, ignore_errors=True)


def _move(fresh: Path, folder: Path) -> None:
    """Move the unpacked files into place; an existing folder is renamed and kept."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.before-{uuid.uuid4().hex[:8]}"))
    fresh.rename(folder)


def _fetch_archive(source: Source, archive: Archive, data: Path) -> Path:
    from shapebias.fetching.downloading import download_file
    from shapebias.fetching.messages import download_progress

    path = downloads_folder(source, data) / archive.file_name
    by_hand = (
        f"offline: download it elsewhere, put it at {path} and run 'shapebias fetch {source.name}';\n"
        f"or set ${VARIABLE} to a folder that has it, unpacked, as {source.subfolder}"
    )
    known = archive.checksum or recorded_checksum(archive, data)
    with download_progress(source, source.bytes or None) as meter:
        return download_file(archive.address, path, known, by_hand=by_hand, meter=meter)
