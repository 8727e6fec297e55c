"""The digest of a group: a hash of its description, so that a changed attribute is noticed when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import h5py
import numpy as np

from shapebias.errors import StoreError
from shapebias.store.members import members

__all__ = ["Described", "described", "description_digest", "digest", "plain", "seal", "sealed"]

_Members: TypeAlias = Callable[[h5py.Group], Iterator[tuple[str, h5py.Group | h5py.Dataset]]]


@attrs.frozen(eq=False)
class Described:
    """A group with everything that its digest covers, read once.

    Args:
        group: the group.
        attributes: its attributes, as Python values.
        arrays: its data sets by name, including those of subgroups that have no digest of their own.
        array_attributes: the attributes of each.
    """

    group: h5py.Group
    attributes: Mapping[str, Any]
    arrays: Mapping[str, h5py.Dataset]
    array_attributes: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """The SHA-256 of the JSON text that :func:`digest` describes."""
        arrays = {
            name: [array.dtype.str, array.shape, _without_digest(self.array_attributes[name])]
            for name, array in self.arrays.items()
        }
        return description_digest(_without_digest(self.attributes), arrays)


def described(group: h5py.Group, find: _Members = members) -> Described:
    """Read the description of a group.

    Args:
        group: the group.
        find: lists the members of a group; the default refuses those that are not in the file.

    Raises:
        StoreError: an attribute is neither text nor a number, or a member is refused.
    """
    arrays = dict(_arrays(group, find))
    facts = {name: _attributes(array) for name, array in arrays.items()}
    return Described(group, _attributes(group), arrays, facts)


def sealed(group: h5py.Group) -> Described:
    """Read the description of a group, and compare it with the group's digest.

    Raises:
        StoreError: the digest does not match or is missing; or as :func:`described`.
    """
    found = described(group)
    if found.attributes.get("digest") != found.digest:
        what = "does not match" if "digest" in found.attributes else "is missing"
        raise StoreError(
            f"{group.file.filename} is damaged (the digest of {group.name} {what}); see 'shapebias verify'"
        )
    return found


def digest(group: h5py.Group) -> str:
    """Compute the SHA-256 of a group's description: its attributes, and type, shape and attributes of its arrays.

    It is the hash of the JSON text (sorted keys, ASCII) of ``{"attributes": {NAME: VALUE}, "arrays":
    {NAME: [TYPE, SHAPE, {NAME: VALUE}]}}``, without the attribute ``digest`` itself.
    """
    return described(group, _own_members).digest


def description_digest(attributes: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """Compute the digest of a group from its attributes, and type, shape and attributes of its arrays."""
    text = json.dumps({"attributes": attributes, "arrays": arrays}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def seal(group: h5py.Group) -> None:
    """Write the digest of a complete group that this process has written."""
    group.attrs["digest"] = digest(group)


def _own_members(group: h5py.Group) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    yield from sorted(group.items())


def _arrays(group: h5py.Group, find: _Members, prefix: str = "") -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the data sets of a group and of its subgroups without a digest, sorted by name."""
    for name, item in find(group):
        if isinstance(item, h5py.Dataset):
            yield prefix + name, item
        elif "digest" not in item.attrs:
            yield from _arrays(item, find, f"{prefix}{name}/")


def _attributes(item: h5py.HLObject) -> dict[str, str | int | float | bool]:
    values = {name: plain(value) for name, value in item.attrs.items()}
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool):
            raise StoreError(f"{item.file.filename}: the attribute {name} of {item.name} is neither text nor a number")
    return values


def _without_digest(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "digest"}


def plain(value: Any) -> str | int | float | bool:
    """Convert an attribute's value to its Python type."""
    native: str | int | float | bool = value.item() if isinstance(value, np.generic) else value
    return native
