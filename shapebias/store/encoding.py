"""How one per-image array is stored in HDF5: its encoding, chunks and filters.

Every HDF5 data set says how to read it in the attributes ``encoding`` and ``encoding_version``:

- ``array``: the numbers themselves;
- ``string-array``: UTF-8 of a fixed length, padded with zeros (checksums do not cover variable-length text);
- ``scaled-float16``: multiply by the data set that the attribute ``scale`` names, one factor for each map;
- ``scale``: those factors.
"""

from __future__ import annotations

import math
from typing import Any

import attrs
import h5py
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.store.columns import column
from shapebias.store.members import dataset_in

__all__ = ["VERSIONS", "EncodedArray", "decode", "encode", "read", "storage_options"]

VERSIONS = {"array": 1, "string-array": 1, "scaled-float16": 1, "scale": 1}

_CHUNK_BYTES = 1 << 20


@attrs.frozen(eq=False)
class EncodedArray:
    """An array as it is stored."""

    name: str
    values: NDArray[Any]
    encoding: str = "array"
    attributes: dict[str, str] = attrs.field(factory=dict)


def encode(name: str, array: NDArray[Any]) -> list[EncodedArray]:
    """Convert an array to the type that its column declares.

    Args:
        name: its name in the store.
        array: (n, ...), numbers, truth values or text.

    Returns:
        One HDF5 data set to write, or two for scaled maps: the values and their factors.

    Raises:
        StoreError: a map has some NaN, Inf or values beyond 1.7e38, a text has a NUL, or the type has no encoding.
    """
    declared = column(name)
    if declared.scaled:
        values, scale = _to_scaled_float16(array)
        return [
            EncodedArray(name, values, "scaled-float16", {"scale": f"{name}_scale"}),
            EncodedArray(f"{name}_scale", scale, "scale"),
        ]
    if array.dtype.kind in "UO":
        return [EncodedArray(name, _to_bytes(name, array), "string-array")]
    if array.dtype.kind not in "biuf":
        raise StoreError(f"{name} is of type {array.dtype}, which has no encoding; store numbers or text")
    return [EncodedArray(name, array.astype(declared.dtype or array.dtype, copy=False))]


def _to_bytes(name: str, array: NDArray[Any]) -> NDArray[np.bytes_]:
    texts = [str(text) for text in array.ravel()]
    if any("\0" in text for text in texts):
        raise StoreError(f"{name} has text with a NUL character, which HDF5 would cut off; rename it")
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    width = max([1, *map(len, encoded)])
    return np.array(encoded, h5py.string_dtype("utf-8", width)).reshape(array.shape)


def _to_scaled_float16(maps: NDArray[Any]) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Divide each map by the power of two that brings its largest magnitude into [2^14, 2^15), then round to float16.

    Dividing by a power of two is exact, so the only error is rounding: at most |x| / 2^11 for a value x, and at most
    the largest / 2^39 for values that are smaller than the largest by 2^28 or more.  A map that is NaN everywhere
    belongs to an image without a finite map; it is stored as zeros with the scale NaN, and is read as NaN.
    """
    maps = np.asarray(maps, dtype=np.float32)
    missing = np.isnan(maps).all(axis=(-2, -1))
    if missing.any():
        maps = np.where(missing[..., None, None], np.float32(0), maps)
    largest = np.maximum(maps.max(axis=(-2, -1), initial=0), -maps.min(axis=(-2, -1), initial=0))
    if not (largest < 2.0**127).all():  # larger values could be rounded up beyond the range of float32
        raise StoreError(
            "maps have NaN or Inf or values beyond 1.7e38, which cannot be stored; check the saliency method"
        )
    _, exponent = np.frexp(largest)
    scale = np.where(largest > 0, np.ldexp(np.float32(1), np.maximum(exponent - 15, -149)), np.float32(1))
    values = np.empty(maps.shape, np.float16)
    np.divide(maps, scale[..., None, None], out=values, casting="same_kind")  # in float32, without a copy of the maps
    return values, np.where(missing, np.float32(np.nan), scale)


def decode(dataset: h5py.Dataset, selection: Any) -> NDArray[Any]:
    """Read some of an array and undo its encoding.

    Args:
        dataset: the array in the file.
        selection: a slice of the images, alone or with an index on the eps axis.

    Raises:
        StoreError: the encoding is of a later version, or a checksum does not match.
    """
    encoding, version = dataset.attrs.get("encoding"), dataset.attrs.get("encoding_version", 0)
    if version > VERSIONS.get(encoding, -1):
        raise StoreError(
            f"{dataset.file.filename}: {dataset.name} has encoding {encoding!r} version {version}, which this version "
            "of shapebias cannot read; upgrade shapebias"
        )
    values = read(dataset, selection)
    if encoding == "string-array":
        texts = [text.decode("utf-8", "surrogateescape") for text in values.ravel()]
        return np.array(texts, dtype=object).reshape(values.shape)
    if encoding == "scaled-float16":
        scale = decode(dataset_in(dataset.parent, dataset.attrs["scale"]), selection)
        maps = values.astype(np.float32)
        maps *= scale[..., None, None]
        return maps
    return values


def read(dataset: h5py.Dataset, selection: Any) -> NDArray[Any]:
    """Read some of an array as it is stored; HDF5 compares the checksums.

    Raises:
        StoreError: a checksum does not match.
    """
    try:
        return np.asarray(dataset[selection])
    except OSError as error:
        raise StoreError(
            f"{dataset.file.filename}: {dataset.name} is damaged ({error}); restore the file from a copy, or delete it "
            "and run the same command again to compute its contents"
        ) from error


def storage_options(like: EncodedArray, shape: tuple[int, ...]) -> dict[str, Any]:
    """Choose chunks and filters of an array, as options of h5py.

    Arrays of images have one chunk per image, so that packing can copy compressed chunks; other arrays have chunks of
    about a megabyte.  Empty arrays cannot be chunked, and have no checksum.

    Args:
        like: an example with the name, type and encoding.
        shape: the shape of the whole array.
    """
    if 0 in shape:
        return {}
    options: dict[str, Any] = {"chunks": _chunks(shape, like.values.dtype.itemsize, like.name), "fletcher32": True}
    if column(like.name).image_axes:
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    return options


def _chunks(shape: tuple[int, ...], itemsize: int, name: str) -> tuple[int, ...]:
    if axes := column(name).image_axes:
        leading = len(shape) - axes
        return (1,) * leading + shape[leading:]
    row = itemsize * math.prod(shape[1:])
    return (max(1, min(shape[0], _CHUNK_BYTES // row)), *shape[1:])
