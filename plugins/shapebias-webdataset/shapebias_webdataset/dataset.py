"""``webdataset:SHARDS``: images with labels in tar shards."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shapebias.plugin import (
    Interpolation,
    Sample,
    ShapebiasError,
    check_crop,
    fit,
    fit_mask,
    imagenet_wnids,
    param,
    read_image,
)
from shapebias_webdataset.addresses import find_shards
from shapebias_webdataset.cache import Cache
from shapebias_webdataset.members import Entries, ListedSample, Member
from shapebias_webdataset.shard import RemoteFile, Shard, shard_at

__all__ = ["WebDataset"]

_MOST_CLASSES = 1_000_000


@attrs.frozen
class WebDataset:
    """Images in tar shards: files with the same path up to the first dot of the name are one sample.

    Shards are local files or files on a server (``http``, ``https``): a pattern with braces (``val-{000..006}.tar``) or
    stars, a folder of ``.tar`` files, or a list in the form of ``wids`` (``val.json``), which also states the number of
    samples in each shard.  They are uncompressed.  Nothing in them is unpickled and no command is run.

    A label is the index of a class, or its name if ``label_space`` gives names.  Ids are ``SHARD/KEY``, so samples with
    the same key in two shards are different samples.  Images are resized and cropped as by ``folder``.

    The positions of the files in a shard are read at the first use and kept in the cache.  Shards of a server are
    downloaded one at a time.  The folder ``SHAPEBIAS_WEBDATASET_CACHE`` keeps those used most recently, up to
    ``SHAPEBIAS_WEBDATASET_CACHE_GB`` (20).

    Args:
        shards: the shards: a pattern, a folder or a list.
        size, crop, interpolation: see ``folder``.
        images: extensions of images; the first one that a sample has is its image.
        label: the entry with the label.
        label_space: the classes: ``own``, numbers from 0 to the largest label; a number of classes; a file with a name
            in each line; or ``imagenet-1k``, by index or WordNet id.
        shape, texture: the entries with the classes of shape and texture, where they may differ.
        mask: the entry with an image of the mask, light (128 to 255) on the object.

    Raises:
        ShapebiasError: at the first use: shards are missing, damaged or cannot be downloaded; a sample lacks an entry,
            or its label is not a class.

    Source: Aizman et al. 2019, "High performance I/O for large scale deep learning".

    >>> len(WebDataset("val-{000..006}.tar", label="json:label", label_space="imagenet-1k").classes)
    1000
    """

    shards: str = param("pattern with braces or stars, folder of .tar files, or .json list; local or at http(s)")
    size: int | None = param("side of the images; none takes the files' own", default=None, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays, 0.875 for photos", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")
    images: tuple[str, ...] = param(
        "extensions of images; the first that exists is used", default=("jpg", "jpeg", "png", "webp")
    )
    label: str = param("entry with the label: an extension, or json:FIELD", default="cls")
    label_space: Literal["own", "imagenet-1k"] | int | Path = param(
        "own (0 to the largest label), imagenet-1k, the number of classes, or a file with a name in each line",
        default="own",
        ge=1,
    )
    shape: str | None = param("entry with the class of the shape", default=None)
    texture: str | None = param("entry with the class of the texture", default=None)
    mask: str | None = param("entry with the mask, such as mask.png", default=None)

    def __attrs_post_init__(self) -> None:
        check_crop(self.size, self.crop)
        if not self.images:
            raise ShapebiasError("images= is empty; give the extensions of images, for example images=jpg,png")

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        if self.label_space == "imagenet-1k":
            return imagenet_wnids()
        if isinstance(self.label_space, Path):
            return _read_names(self.label_space)
        count = 1 + self._largest_label() if self.label_space == "own" else self.label_space
        return tuple(map(str, range(count)))

    @property
    def fingerprint(self) -> str:
        """A hash that identifies the data set.

        For a local shard: keys, sizes and labels of its samples, as for ``folder``.  For a shard on a server, which is
        not downloaded for this: size and tag.
        """
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for shard in self._shards:
            if isinstance(shard.source, RemoteFile):
                facts: list[Any] = [attrs.astuple(shard.source.version)]
            else:
                facts = [
                    (each.key, each.image.size, each.mask and each.mask.size, self._labels(shard, each))
                    for each in shard.listing
                ]
            digest.update(json.dumps([shard.address.name, facts]).encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        position = bisect_right(self._ends, index)
        shard = self._shards[position]
        sample = shard.listing[index - self._ends[position] + len(shard)]
        label, shape, texture = self._labels(shard, sample)
        whole = _decode(shard, sample.image)
        return Sample(
            fit(whole, self.size, self.crop, self.interpolation),
            f"{shard.address.name}/{sample.key}",
            label,
            shape,
            texture,
            None if sample.mask is None else self._mask(shard, sample.mask, whole),
        )

    @cached_property
    def _shards(self) -> tuple[Shard, ...]:
        entries = Entries(self.images, self.label, self.shape, self.texture, self.mask)
        cache = Cache.from_environment()
        return tuple(shard_at(address, entries, cache) for address in find_shards(self.shards))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """The number of samples up to the end of each shard."""
        ends = tuple(itertools.accumulate(len(shard) for shard in self._shards))
        if not ends or not ends[-1]:
            raise ShapebiasError(f"the shards {self.shards!r} have no samples; give other shards")
        return ends

    @cached_property
    def _class_indices(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.classes)}

    def _labels(self, shard: Shard, sample: ListedSample) -> tuple[int, int | None, int | None]:
        """Return the class indices of a sample's label, shape and texture."""

        def position(text: str) -> int:
            found = int(text) if text.isdecimal() else self._class_indices.get(text, -1)
            if not 0 <= found < len(self.classes):
                raise ShapebiasError(
                    f"{text!r} of sample {sample.key!r} of {shard.address.text} is neither an index from 0 to "
                    f"{len(self.classes) - 1} nor the name of a class; correct it, or give another label_space="
                )
            return found

        shape = None if sample.shape is None else position(sample.shape)
        texture = None if sample.texture is None else position(sample.texture)
        return position(sample.label), shape, texture

    def _mask(self, shard: Shard, member: Member, image: Image.Image) -> NDArray[np.bool_]:
        name = f"{shard.address.text}: {member.name}"
        return fit_mask(_decode(shard, member), image, name, self.size, self.crop, self.interpolation)

    def _largest_label(self) -> int:
        largest = 0
        for shard in self._shards:
            for sample in shard.listing:
                for text in filter(None, (sample.label, sample.shape, sample.texture)):
                    if not text.isdecimal():
                        raise ShapebiasError(
                            f"{text!r} of sample {sample.key!r} of {shard.address.text} is not a number >= 0; give "
                            "the classes: label_space=imagenet-1k, or a file with a name in each line"
                        )
                    largest = max(largest, int(text))
        if largest >= _MOST_CLASSES:
            raise ShapebiasError(
                f"the largest label of {self.shards!r} is {largest}, which is too large; give another entry "
                "with label=, or the classes with label_space="
            )
        return largest


def _decode(shard: Shard, member: Member) -> Image.Image:
    return read_image(io.BytesIO(shard.read(member)), f"{shard.address.text}: {member.name}")


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").strip().splitlines())
    except (OSError, ValueError) as error:
        raise ShapebiasError(
            f"{path} cannot be read: {error}; label_space= names a file with a class in each line"
        ) from error
    if not names or "" in names or len(set(names)) < len(names):
        raise ShapebiasError(f"{path} is empty, or has empty or repeated lines; give each class one line with its name")
    return names
