"""The content of a tar shard: its samples, the positions of their images, and their labels."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Mapping
from typing import BinaryIO, NoReturn

import attrs

from shapebias.plugin import ShapebiasError

__all__ = ["Entries", "ListedSample", "Member", "read_listing", "read_member"]

# The key of a sample, with its folders, and the extension, from the first dot of the file's name on.
_MEMBER = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)", re.DOTALL)
_ABOUT_THE_SHARD = re.compile(r"__[^/]*__(?:/|$)")
_NO_MORE_MEMBERS = bytes(tarfile.BLOCKSIZE)


@attrs.frozen
class Entries:
    """The members of a sample that are read, by their extensions.

    Args:
        images: extensions of images; the first one that a sample has is its image.
        label, shape, texture: an extension, or ``extension:field`` of a JSON object; None is not read.
        mask: the extension of the mask; None is not read.
    """

    images: tuple[str, ...]
    label: str
    shape: str | None = None
    texture: str | None = None
    mask: str | None = None


@attrs.frozen
class Member:
    """The position of one file in the shard: its name, its first byte, and its size in bytes."""

    name: str
    offset: int
    size: int


@attrs.frozen
class ListedSample:
    """One sample of a shard; labels are texts as in the shard."""

    key: str
    image: Member
    label: str
    shape: str | None
    texture: str | None
    mask: Member | None


def read_listing(file: BinaryIO, shard: str, entries: Entries) -> tuple[ListedSample, ...]:
    """List the samples of a shard, in the order of their first members.

    As for the library ``webdataset``, members with the same path up to the first dot of the name are one sample, their
    extensions in lower case; members without an extension, and those of the shard itself (``__name__``), are
    ignored.  The members of a sample need not be adjacent.

    Args:
        file: the open shard.
        shard: its name in messages.
        entries: what is read of each sample.

    Raises:
        ShapebiasError: it is not a tar file, compressed, or truncated; a sample has an extension twice, or lacks an
            entry; a label is neither text nor number.
    """
    samples: dict[str, dict[str, Member]] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for info in tar:
                named = _MEMBER.fullmatch(info.name)
                if named is None or not info.isreg() or _ABOUT_THE_SHARD.match(info.name):
                    continue
                key, extension = named[1], named[2].lower()
                members = samples.setdefault(key, {})
                if extension in members:
                    raise ShapebiasError(
                        f"{shard} has {info.name!r} twice; write it again with a unique key for each sample"
                    )
                members[extension] = Member(info.name, info.offset_data, info.size)
            end = tar.offset
    except (tarfile.TarError, ValueError) as error:
        raise ShapebiasError(
            f"{shard} cannot be read as a tar file: {error}; a shard is a complete, uncompressed tar file: unpack "
            ".tar.gz, or download or write it again"
        ) from error
    file.seek(end)
    if file.read(tarfile.BLOCKSIZE) != _NO_MORE_MEMBERS:
        # tarfile treats anything that is not a header as the end; only the end mark shows that nothing is missing.
        raise ShapebiasError(
            f"{shard} is damaged or truncated: no member and no end mark at byte {end}; download or write it again"
        )
    return tuple(
        _as_sample(file, f"sample {key!r} of {shard}", key, members, entries) for key, members in samples.items()
    )


def read_member(file: BinaryIO, shard: str, member: Member) -> bytes:
    """Read the content of a member.

    Raises:
        ShapebiasError: the shard has become shorter.
    """
    file.seek(member.offset)
    content = file.read(member.size)
    if len(content) != member.size:
        raise ShapebiasError(f"{shard} ends within {member.name!r}; it changed during the run: start again")
    return content


def _as_sample(file: BinaryIO, sample: str, key: str, members: Mapping[str, Member], entries: Entries) -> ListedSample:
    image = next((members[extension] for extension in entries.images if extension in members), None)
    if image is None:
        _raise_missing(sample, " or ".join(entries.images), members, "images")

    def text(parameter: str, entry: str | None) -> str | None:
        if entry is None:
            return None
        extension, _, field = entry.partition(":")
        if extension not in members:
            _raise_missing(sample, extension, members, parameter)
        return _text(read_member(file, sample, members[extension]), field, f"{entry} of {sample}")

    if entries.mask is not None and entries.mask not in members:
        _raise_missing(sample, entries.mask, members, "mask")
    label = text("label", entries.label) or ""
    mask = members[entries.mask] if entries.mask is not None else None
    return ListedSample(key, image, label, text("shape", entries.shape), text("texture", entries.texture), mask)


def _raise_missing(sample: str, entry: str, members: Mapping[str, Member], parameter: str) -> NoReturn:
    raise ShapebiasError(f"{sample} has no {entry}; it has {', '.join(members)}; choose another with {parameter}=")


def _text(content: bytes, field: str, name: str) -> str:
    """Read a label from a text, or from a field of a JSON object."""
    try:
        value = json.loads(content)[field] if field else content.decode().strip()
    except (ValueError, KeyError, TypeError) as error:
        raise ShapebiasError(
            f"{name} cannot be read ({type(error).__name__}: {error}); labels are texts, or fields of a JSON object, "
            "such as label=json:label"
        ) from error
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ShapebiasError(f"{name} is {value!r}; a label is the index of a class, or its name")
    return str(value)
