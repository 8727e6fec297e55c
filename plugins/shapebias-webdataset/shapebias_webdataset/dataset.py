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
from shapebias_webdataset.cache import Cache
from shapebias_webdataset.members import Entries, Listed, Member
from shapebias_webdataset.naming import find_shards
from shapebias_webdataset.shard import RemoteFile, Shard, shard_at

__all__ = ["WebDataset"]

_MOST_CLASSES = 1_000_000


@attrs.frozen
class WebDataset:
    """Images in tar shards: files there with the same path up to the first dot of the name are one sample.

    Shards are files here or on a server (``http``, ``https``): a pattern with braces (``val-{000..006}.tar``) or stars,
    a folder of ``.tar`` files, or a list in the form of ``wids`` (``val.json``), which also says how many samples each
    shard has.  They are uncompressed.  Nothing in them is unpickled and no command is run.

    A label is the index of a class, or its name where ``label_space`` gives names.  Ids are ``SHARD/KEY``, so that
    samples that are put into other shards are other samples.  Images are resized and cut as by ``folder``.

    Where each file lies in a shard is found out at the first use and kept in the cache.  Shards of a server are fetched
    one at a time, and those used last are kept, up to ``SHAPEBIAS_WEBDATASET_CACHE_GB`` (20) in the folder
    ``SHAPEBIAS_WEBDATASET_CACHE``.

    Args:
        shards: which shards.
        size, crop, interpolation: as of ``folder``.
        images: extensions of images; the first one that a sample has is its image.
        label: the entry with the label.
        label_space: what labels mean: ``own`` numbers from 0 to the largest; so many; the lines of a file; or all of
            ImageNet-1k, by index or WordNet id.
        shape, texture: the entries with the classes of shape and texture, where they may differ.
        mask: the entry with an image of the mask, light (128 to 255) on the object.

    Raises:
        ShapebiasError: at the first use: shards are missing, damaged or cannot be fetched; a sample lacks an entry, or
            its label is no class.

    Source: Aizman et al. 2019, "High performance I/O for large scale deep learning".

    >>> len(WebDataset("val-{000..006}.tar", label="json:label", label_space="imagenet-1k").classes)
    1000
    """

    shards: str = param("pattern with braces or stars, folder of .tar files, or .json list; here or at http(s)")
    size: int | None = param("side of the images; none takes the files' own", default=None, ge=1, unit="pixels")
    crop: float = param("share of the short side that stays, 0.875 for photos", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("filter of the resizing", default="bilinear")
    images: tuple[str, ...] = param(
        "extensions of images, the first that is there", default=("jpg", "jpeg", "png", "webp")
    )
    label: str = param("entry with the label: an extension, or json:FIELD", default="cls")
    label_space: Literal["own", "imagenet-1k"] | int | Path = param(
        "the numbers that are there, all of ImageNet-1k, how many classes, or a file with a name a line",
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
        """Hash of what decides whether stored results still hold.

        Of a shard here: keys, sizes and labels of its samples, as ``folder`` has it.  Of one on a server, which is not
        fetched for that: size and tag.
        """
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for shard in self._shards:
            if isinstance(shard.source, RemoteFile):
                facts: list[Any] = [attrs.astuple(shard.source.stamp)]
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
        listed = shard.listing[index - self._ends[position] + len(shard)]
        label, shape, texture = self._labels(shard, listed)
        whole = _decode(shard, listed.image)
        return Sample(
            fit(whole, self.size, self.crop, self.interpolation),
            f"{shard.address.name}/{listed.key}",
            label,
            shape,
            texture,
            None if listed.mask is None else self._mask(shard, listed.mask, whole),
        )

    @cached_property
    def _shards(self) -> tuple[Shard, ...]:
        entries = Entries(self.images, self.label, self.shape, self.texture, self.mask)
        cache = Cache.from_environment()
        return tuple(shard_at(address, entries, cache) for address in find_shards(self.shards))

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        """How many samples there are up to the end of each shard."""
        ends = tuple(itertools.accumulate(len(shard) for shard in self._shards))
        if not ends or not ends[-1]:
            raise ShapebiasError(f"the shards {self.shards!r} have no samples; name others")
        return ends

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.classes)}

    def _labels(self, shard: Shard, listed: Listed) -> tuple[int, int | None, int | None]:
        """Return the places of a sample's label, shape and texture in the classes."""

        def position(text: str) -> int:
            found = int(text) if text.isdecimal() else self._places.get(text, -1)
            if not 0 <= found < len(self.classes):
                raise ShapebiasError(
                    f"{text!r} of sample {listed.key!r} of {shard.address.text} is no index from 0 to "
                    f"{len(self.classes) - 1} and no name of a class; correct it, or give another label_space="
                )
            return found

        shape = None if listed.shape is None else position(listed.shape)
        texture = None if listed.texture is None else position(listed.texture)
        return position(listed.label), shape, texture

    def _mask(self, shard: Shard, member: Member, image: Image.Image) -> NDArray[np.bool_]:
        name = f"{shard.address.text}: {member.name}"
        return fit_mask(_decode(shard, member), image, name, self.size, self.crop, self.interpolation)

    def _largest_label(self) -> int:
        largest = 0
        for shard in self._shards:
            for listed in shard.listing:
                for text in filter(None, (listed.label, listed.shape, listed.texture)):
                    if not text.isdecimal():
                        raise ShapebiasError(
                            f"{text!r} of sample {listed.key!r} of {shard.address.text} is no number from 0 up; name "
                            "the classes: label_space=imagenet-1k, or a file with a name a line"
                        )
                    largest = max(largest, int(text))
        if largest >= _MOST_CLASSES:
            raise ShapebiasError(
                f"the largest label of {self.shards!r} is {largest}, which makes so many classes; name another entry "
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
            f"{path} cannot be read: {error}; label_space= names a file with a class a line"
        ) from error
    if not names or "" in names or len(set(names)) < len(names):
        raise ShapebiasError(f"{path} has no, empty or repeated lines; give each class one line with its name")
    return names
