"""Unpack downloaded archives: only plain files, only into the target folder, and with a limit on their size."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from shapebias.errors import DataError

__all__ = ["unpack"]

# Images and arrays compress little: an archive that unpacks to more than this is malicious.
_MOST_GROWTH = 30
_LEAST_LIMIT = 1 << 26
_MOST_FILES = 5_000_000
_BLOCK = 1 << 20
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a tar, zip or parquet archive into a new folder.

    If the archive has a single top-level folder, the content of that folder is used.

    Args:
        archive: the file.
        folder: a folder that does not exist yet; after an error it is incomplete.

    Returns:
        The number of files.

    Raises:
        DataError: the archive is damaged, of another kind, has links or special files, names paths outside of
            the archive, or would unpack to more than 30 times its size.
        OSError: the disk is full or cannot be written.
    """
    folder.mkdir(parents=True)
    limit = max(_MOST_GROWTH * archive.stat().st_size, _LEAST_LIMIT)
    count = 0
    try:
        for name, content in _members(archive):
            target = folder / _inside(name, archive)
            count += 1
            if count > _MOST_FILES:
                raise DataError(f"{archive} has more than {_MOST_FILES:,} files; it was not unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            limit -= _copy(content, target, limit, archive)
    except _DAMAGED as error:
        raise DataError(f"{archive} is damaged: {error}; remove it and fetch again") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{archive} has the path {error.filename} twice; it was not unpacked") from error
    _lift_single_folder(folder)
    return count


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the open content of each plain file."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive)
    elif archive.suffix == ".parquet":
        yield from _parquet_members(archive)
    else:
        yield from _tar_members(archive)


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if member.isdir():
                continue
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise DataError(f"{archive} has {member.name}, which is a link or a special file; it was not unpacked")
            if not _is_clutter(member.name):
                yield member.name, content


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            if member.is_dir() or _is_clutter(member.filename):
                continue
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise DataError(f"{archive} has {member.filename}, which is a link; it was not unpacked")
            with file.open(member) as content:
                yield member.filename, content


def _parquet_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Read a table of images as Hugging Face writes it, with a column ``image`` of bytes and a column ``filename``."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            f"{archive} is a parquet table, which needs pyarrow; run 'pip install pyarrow' and fetch again"
        ) from error
    try:
        for batch in parquet.ParquetFile(archive).iter_batches(64, columns=["image", "filename"]):
            for row in batch.to_pylist():
                yield row["filename"], io.BytesIO(row["image"]["bytes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{archive} is not a table of images with file names: {error}; fetch it again") from error


def _is_clutter(name: str) -> bool:
    """Return whether macOS has added the file to the archive."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith("._") or part == ".DS_Store" for part in parts)


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts:
        raise DataError(f"{archive} names the path {name!r}, which is outside of the archive; it was not unpacked")
    return path


def _copy(content: IO[bytes], target: Path, limit: int, archive: Path) -> int:
    written = 0
    with target.open("xb") as file:
        while block := content.read(_BLOCK):
            written += len(block)
            if written > limit:
                raise DataError(f"{archive} unpacks to more than {_MOST_GROWTH} times its size; it was not unpacked")
            file.write(block)
    return written


def _lift_single_folder(folder: Path) -> None:
    children = [*folder.iterdir()]
    if len(children) != 1 or not children[0].is_dir():
        return
    inner = children[0].rename(folder.with_name(f"{folder.name}.inner"))
    shutil.rmtree(folder)
    inner.rename(folder)
