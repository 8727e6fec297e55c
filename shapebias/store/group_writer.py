"""Write one group of a store: its attributes, its arrays, and the digest of both.

A cell has about sixty attributes and six arrays.  With h5py's high-level calls (which create an attribute under a
temporary name, rename it, and read it again for the digest), a study of many small cells would spend more time here
than in its network.  This module calls the C interface that h5py wraps, which writes the same file in a third of the
time.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs
import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p, h5s, h5t
from numpy.typing import NDArray

from shapebias.store.encoding import VERSIONS, EncodedArray, encode, storage_options
from shapebias.store.records import Scalar
from shapebias.store.sealing import description_digest, plain

__all__ = ["LIBVER", "FileImage", "GroupWriter", "file_image", "stored_attributes"]

LIBVER = ("v110", "v110")
"""HDF5 1.10 (2016) and later can read this format, the first with checksums on all of HDF5's internal tables."""

_TEXT = h5py.string_dtype()
_TEXT_IN_MEMORY = h5t.py_create(_TEXT)
_SCALAR = h5s.create(h5s.SCALAR)
_BLOCK = 1 << 16
_WITH_PARENTS = h5p.create(h5p.LINK_CREATE)
_WITH_PARENTS.set_create_intermediate_group(True)


class GroupWriter:
    """Writes a new group of a file, and records its contents for the digest.

    Args:
        group: the group, which has no attributes and arrays yet.
    """

    def __init__(self, group: h5py.Group) -> None:
        self.group = group
        self.digest = ""
        self._attributes: dict[str, Any] = {}
        self._arrays: dict[str, list[Any]] = {}

    def below(self, name: str) -> GroupWriter:
        """Create a subgroup, which has its own digest."""
        return GroupWriter(self.group.create_group(name))

    def below_from(self, name: str, image: FileImage, but: Collection[str]) -> GroupWriter:
        """Create a subgroup as a copy of the root of a file.

        Args:
            name: the name of the subgroup.
            image: the file.
            but: attributes of its root that the subgroup does not have.
        """
        file = h5f.open_file_image(image.data)
        h5o.copy(file, b"/", self.group.id, name.encode(), lcpl=_WITH_PARENTS)
        copied = GroupWriter(self.group[name])
        for attribute in (*but, "digest"):
            h5a.delete(copied.group.id, attribute.encode())
        copied._attributes = {key: value for key, value in image.attributes.items() if key not in but}
        copied._arrays = dict(image.arrays)
        return copied

    def write_attributes(self, attributes: Mapping[str, Scalar]) -> None:
        """Write text, numbers and bools; an attribute that is None is not written."""
        for name, value in stored_attributes(attributes).items():
            _write_attribute(self.group.id, name, value)
            self._attributes[name] = plain(value)

    def write_array(self, name: str, array: NDArray[Any]) -> None:
        """Write one whole array."""
        for stored in encode(name, array):
            identifier, kind = self._create(stored, len(stored.values))
            if stored.values.size:
                identifier.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(stored.values), kind)

    def create(self, like: EncodedArray, count: int) -> h5py.Dataset:
        """Create an empty HDF5 data set for ``count`` images.

        Args:
            like: an example with the name, type, encoding and other axes.
            count: number of images.
        """
        identifier, _ = self._create(like, count)
        return h5py.Dataset(identifier)

    def _create(self, like: EncodedArray, count: int) -> tuple[h5d.DatasetID, h5t.TypeID]:
        """Create an empty HDF5 data set for ``count`` images, and return it with its type."""
        shape = (count, *like.values.shape[1:])
        dtype = like.values.dtype
        if like.encoding == "string-array":
            dtype = h5py.string_dtype("utf-8", dtype.itemsize)
        parent, name = self._place(like.name)
        kind = _type(dtype)
        identifier = h5d.create(parent, name, kind, h5s.create_simple(shape), _layout(like, shape))
        facts = {"encoding": like.encoding, "encoding_version": VERSIONS[like.encoding], **like.attributes}
        for key, value in facts.items():
            _write_attribute(identifier, key, value)
        self._arrays[like.name] = [dtype.str, shape, facts]
        return identifier, kind

    def copy(self, name: str, dataset: h5py.Dataset) -> None:
        """Copy a whole HDF5 data set as it is: chunks, which are not decompressed, filters and attributes."""
        h5o.copy(dataset.id, b".", *self._place(name))
        facts = {key: plain(value) for key, value in dataset.attrs.items()}
        self._arrays[name] = [dataset.dtype.str, dataset.shape, facts]

    def _place(self, name: str) -> tuple[h5g.GroupID, bytes]:
        """Return the group that an array belongs to, and its name in it."""
        folder, _, last = name.rpartition("/")
        return (self.group.require_group(folder) if folder else self.group).id, last.encode()

    def seal(self) -> None:
        """Write the digest of the complete group."""
        self.digest = description_digest(self._attributes, self._arrays)
        _write_attribute(self.group.id, "digest", self.digest)


def stored_attributes(attributes: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return attributes as they are stored: without None, and with NUL escaped, which would end a text."""
    return {
        name: value.replace("\0", "\\0") if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


@attrs.frozen(eq=False)
class FileImage:
    """A file that was built in memory.

    Args:
        data: its bytes.
        attributes, arrays: what the digest of its root covers.
    """

    data: bytes
    attributes: Mapping[str, Any]
    arrays: Mapping[str, Any]


def file_image(fill: Callable[[GroupWriter], None]) -> FileImage:
    """Build a file in memory.

    Args:
        fill: writes its contents.
    """
    if h5py.version.hdf5_version_tuple < (2, 0, 0):  # whose images of open files have a wrong checksum
        buffer = io.BytesIO()
        with h5py.File(buffer, "w", libver=LIBVER) as file:
            root = GroupWriter(file)
            fill(root)
        return FileImage(buffer.getvalue(), root._attributes, root._arrays)  # noqa: SLF001 - the same module
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(_BLOCK, False)  # noqa: FBT003 - h5py's own call
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    with h5py.File(h5f.create(b"part", h5f.ACC_TRUNC, fapl=access)) as file:
        root = GroupWriter(file)
        fill(root)
        file.flush()
        return FileImage(file.id.get_file_image(), root._attributes, root._arrays)  # noqa: SLF001


def _write_attribute(item: h5g.GroupID | h5d.DatasetID, name: str, value: Any) -> None:
    array = np.array(value, dtype=_TEXT if isinstance(value, str) else None)
    in_memory = _TEXT_IN_MEMORY if isinstance(value, str) else _type(array.dtype)
    h5a.create(item, name.encode(), _type(array.dtype), _SCALAR).write(array, in_memory)


@functools.cache
def _type(dtype: np.dtype[Any]) -> h5t.TypeID:
    return h5t.py_create(dtype, logical=True)


def _layout(like: EncodedArray, shape: tuple[int, ...]) -> h5p.PropDCID:
    """Chunks, filters and checksums of an array."""
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_obj_track_times(False)
    options = storage_options(like, shape)
    if "chunks" in options:
        layout.set_chunk(options["chunks"])
    if options.get("shuffle"):
        layout.set_shuffle()
    if "compression" in options:
        layout.set_deflate(options["compression_opts"])
    if options.get("fletcher32"):
        layout.set_fletcher32()
    return layout
