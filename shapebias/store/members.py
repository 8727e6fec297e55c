"""Open the members of a group, but only those that are stored in the same file.

HDF5 files can refer to other files (external links, virtual data sets, external raw storage), and can declare more
numbers than they contain.  A store does neither, so such a file is refused before its numbers are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import h5py
from h5py import h5d, h5l, h5o, h5z

from shapebias.errors import StoreError

__all__ = ["dataset_in", "group_in", "members", "numbers_of"]

_LINKS = {h5l.TYPE_SOFT: "a symbolic link", h5l.TYPE_EXTERNAL: "a link to another file"}
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_MOST_DEFLATED = 1032  # the most bytes that one deflated byte can become
_HEADER_BYTES = 1 << 16  # data sets this small may lie in the header of their object


def members(group: h5py.Group) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield the groups and data sets of a group with their names, sorted by name.

    Raises:
        StoreError: one of them is not in this file, has a second name, or is neither a group nor a data set.
    """
    for name in sorted(group):
        yield name, _open(group, name)


def _open(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    encoded = name.encode("utf-8", "surrogateescape")
    kind = group.id.links.get_info(encoded).type
    if kind != h5l.TYPE_HARD:
        raise _refused(group, name, f"is {_LINKS.get(kind, 'a link of an unknown kind')}")
    facts = h5o.get_info(group.id, encoded)
    if facts.rc != 1:
        raise _refused(group, name, f"has {facts.rc} names in the file")
    if facts.type == h5o.TYPE_GROUP:
        return h5py.Group(h5o.open(group.id, encoded))
    if facts.type != h5o.TYPE_DATASET:
        raise _refused(group, name, "is neither a group nor a data set")
    dataset = h5py.Dataset(h5o.open(group.id, encoded))
    problem = _storage_problem(dataset)
    if problem:
        raise _refused(group, name, problem)
    return dataset


def dataset_in(group: h5py.Group, name: str) -> h5py.Dataset:
    """Open a data set of a group for reading its numbers.

    Args:
        group: the group.
        name: its name in the group, or a path such as ``extras/NAME``.

    Raises:
        StoreError: it, or some of its numbers, are not in this file.
        KeyError: the name does not exist.
    """
    found: h5py.Group | h5py.Dataset = group
    for word in name.split("/"):
        if not isinstance(found, h5py.Group) or word in ("", ".", ".."):
            raise KeyError(name)
        found = _open(found, word)
    if not isinstance(found, h5py.Dataset):
        raise _refused(group, name, "is a group instead of a data set")
    if found.chunks is not None:
        chunks = math.prod(-(-size // chunk) for size, chunk in zip(found.shape, found.chunks, strict=True))
        if found.id.get_num_chunks() != chunks:
            raise _refused(group, name, f"has {found.id.get_num_chunks()} of {chunks} chunks of numbers")
    return found


def group_in(group: h5py.Group, name: str) -> h5py.Group:
    """Open a subgroup.

    Args:
        group: the group.
        name: its name in the group, or a path such as ``/cells/0000``; ``/`` is the group itself.

    Raises:
        StoreError: it is not in this file, or is a data set.
        KeyError: the name does not exist.
    """
    found = group
    for word in name.strip("/").split("/") if name.strip("/") else ():
        opened = _open(found, word)
        if not isinstance(opened, h5py.Group):
            raise _refused(found, word, "is a data set instead of a group")
        found = opened
    return found


def numbers_of(group: h5py.Group, name: str) -> h5py.Dataset:
    """Open a one-dimensional data set of whole numbers, such as ``rows``.

    Raises:
        StoreError: as :func:`dataset_in`, or it has another type or shape.
        KeyError: the name does not exist.
    """
    found = dataset_in(group, name)
    if found.dtype.kind != "i" or found.ndim != 1:
        raise _refused(group, name, f"has type {found.dtype} and shape {found.shape} instead of whole numbers")
    return found


def _storage_problem(dataset: h5py.Dataset) -> str:
    """Return why the numbers of a data set cannot be those of a store; empty if they can."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(position)[0] for position in range(plist.get_nfilters())]
    if plist.get_layout() == h5d.VIRTUAL:
        return "takes its numbers from other data sets"
    if plist.get_external_count():
        return "takes its numbers from another file"
    if not _FILTERS.issuperset(filters) or len(set(filters)) != len(filters):
        return "needs filters that no store has"
    if dataset.dtype.kind not in "biufS" or dataset.shape is None:
        return f"has type {dataset.dtype} and shape {dataset.shape}, which no store has"
    return _size_problem(dataset, compressed=h5z.FILTER_DEFLATE in filters)


def _size_problem(dataset: h5py.Dataset, *, compressed: bool) -> str:
    """Return why the numbers of a data set do not fit into its file; empty if they do."""
    size, itemsize = _file_size(dataset), dataset.dtype.itemsize
    declared = math.prod((*dataset.shape, itemsize))
    possible = size * (_MOST_DEFLATED if compressed else 1)
    if max(declared, math.prod((*(dataset.chunks or ()), itemsize))) > possible:
        return f"declares {declared} bytes in a file of {size}"
    if dataset.chunks is None and declared > _HEADER_BYTES:
        offset = dataset.id.get_offset()
        if offset is None or offset + declared > size:
            return "has numbers that are not in the file"
    return ""


def _file_size(dataset: h5py.Dataset) -> int:
    return int(h5py.h5i.get_file_id(dataset.id).get_filesize())


def _refused(group: h5py.Group, name: str, problem: str) -> StoreError:
    return StoreError(
        f"{group.file.filename}: {group.name.rstrip('/')}/{name} {problem}, so it is not read; "
        "copy the file again from where it was computed"
    )
