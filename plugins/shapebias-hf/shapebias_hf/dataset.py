"""``hf:NAME``: images and labels of the library datasets, from a file, a folder, or the hub."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import datasets
from PIL.Image import Image

from shapebias.plugin import Interpolation, Sample, ShapebiasError, check_crop, fit, fit_mask, param, read_image
from shapebias_hf.labels import Labels, read_labels
from shapebias_hf.opening import Opened, open_table, table_files
from shapebias_hf.repository import expanded

__all__ = ["HuggingFaceDataset"]


@attrs.frozen
class HuggingFaceDataset:
    """Images and labels that the library datasets reads: a parquet file, a folder, or a name on the hub.

    A folder is one that ``save_to_disk`` wrote, or has parquet files, or image files as ``imagefolder`` expects them.
    An image is decoded when it is read.  It is decoded, resized and cropped as by ``folder``: to RGB, ignoring the
    orientation in EXIF.

    Ids are the paths in the table, relative to the folder, if they are unique; otherwise row numbers.

    The classes are the names of the label column's ``ClassLabel``; without them, the values of the label columns,
    integers in numerical order.  A missing label, or -1 in a ``ClassLabel``, is unknown.

    Args:
        source: the file, the folder, or ``owner/name``.
        config: one of several configurations.
        split: one of several splits.
        revision: commit, tag or branch on the hub.
        image: the column of images; none takes the only one.
        label: the column of labels; none takes ``shape``, else the only one with names of classes, else ``label``.
        shape, texture: columns of the classes of shape and texture, for pictures where these differ.
        mask: column of mask images, which are light (128 to 255) on the object.
        size, crop, interpolation: see ``folder``.

    Raises:
        ShapebiasError: ``crop`` without ``size``; at the first use: no such data set, split or column, no connection, a
            damaged image, or a label that is not a class.

    Source: Lhoest et al. 2021, Datasets: a community library for natural language processing.
    """

    source: str = param("parquet file, folder, or name on the Hugging Face hub", converter=expanded)
    config: str | None = param("configuration, if there are several", default=None)
    split: str | None = param("split, if there are several, such as validation", default=None)
    revision: str | None = param("commit, tag or branch on the hub; none is its main branch", default=None)
    image: str | None = param("column of images; none takes the only one", default=None)
    label: str | None = param("column of labels; none takes the one of shape, or the only one", default=None)
    shape: str | None = param("column of classes of the shape", default=None)
    texture: str | None = param("column of classes of the texture", default=None)
    mask: str | None = param("column of mask images, which are light on the object", default=None)
    size: int | None = param("side of the images; none takes their own", default=None, ge=1, unit="pixels")
    crop: float = param("share of the short side that is kept, 0.875 for photos", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("filter for resizing", default="bilinear")

    def __attrs_post_init__(self) -> None:
        check_crop(self.size, self.crop)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self._labels.classes

    @property
    def fingerprint(self) -> str | None:
        """The commit on the hub; None for a local data set, which is hashed by :meth:`files`."""
        return None if Path(self.source).exists() else f"commit {self._opened.commit}"

    def files(self) -> list[Path]:
        """List the tables, which are hashed by content, and their folder, which is hashed by its listing."""
        return table_files(Path(self.source))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        row = self._rows[index]
        image = self._read(row, self._image, index)
        mask = None
        if self.mask is not None:
            name = f"hf:{self.source} {self.mask} of row {index}"
            picture = self._read(row, self.mask, index)
            mask = fit_mask(picture, image, name, self.size, self.crop, self.interpolation)
        label = self._labels.index(row, self._label)
        return Sample(
            fit(image, self.size, self.crop, self.interpolation),
            self._ids[index],
            -1 if label is None else label,
            self._labels.index(row, self.shape),
            self._labels.index(row, self.texture),
            mask,
        )

    def _read(self, row: dict[str, Any], column: str, index: int) -> Image:
        """Decode a row's image, which is stored as the content of an image file or as a path."""
        name, stored = f"hf:{self.source} {column} of row {index}", row[column] or {}
        if stored.get("bytes") is not None:
            return read_image(io.BytesIO(stored["bytes"]), name)
        if stored.get("path") is not None:
            return read_image(Path(stored["path"]))
        raise ShapebiasError(f"{name} is missing; remove the row, or give another column with image= or mask=")

    @cached_property
    def _opened(self) -> Opened:
        opened = open_table(self.source, self.config, self.split, self.revision)
        for parameter in ("image", "label", "shape", "texture", "mask"):
            column, known = getattr(self, parameter), opened.table.column_names
            if column is not None and column not in known:
                raise ShapebiasError(
                    f"hf:{self.source} has no column {column!r}; give {parameter}= of {', '.join(known)}"
                )
        return opened

    @cached_property
    def _image(self) -> str:
        return self.image or self._only("image", {*self._columns(datasets.Image)} - {self.mask})

    @cached_property
    def _label(self) -> str:
        found = {*self._columns(datasets.ClassLabel)} - {self.texture}
        found = found or {"label"} & {*self._opened.table.column_names}
        return self.label or self.shape or self._only("label", found)

    def _columns(self, kind: type) -> list[str]:
        return [name for name, feature in self._opened.table.features.items() if isinstance(feature, kind)]

    def _only(self, parameter: str, found: Collection[str]) -> str:
        """Return the only column that the parameter can mean.

        Raises:
            ShapebiasError: there are several, or none.
        """
        if len(found) != 1:
            raise ShapebiasError(
                f"hf:{self.source} has {len(found)} columns that can be {parameter}=; choose one: "
                f"{', '.join(sorted(found) or self._opened.table.column_names)}"
            )
        (column,) = found
        return column

    @cached_property
    def _labels(self) -> Labels:
        columns = [name for name in (self._label, self.shape, self.texture) if name is not None]
        return read_labels(self._opened.table, columns, self.source)

    @cached_property
    def _rows(self) -> datasets.Dataset:
        """The columns that are read, with images as they are stored."""
        pictures = [name for name in (self._image, self.mask) if name is not None]
        rows = self._opened.table.with_format(None).select_columns([*pictures, *self._labels.indices])
        for name in pictures:
            rows = rows.cast_column(name, datasets.Image(decode=False))
        return rows

    @cached_property
    def _ids(self) -> Sequence[str]:
        stored = self._rows.flatten().select_columns(f"{self._image}.path").with_format("arrow")[:].column(0)
        paths = [_below(Path(self.source), path) for path in stored.to_pylist()]
        ids = [path for path in paths if path is not None]
        return ids if len(set(ids)) == len(paths) else [f"{position:06d}" for position in range(len(paths))]


def _below(folder: Path, path: str | None) -> str | None:
    """Return an image file's path relative to a folder, which is the same on every machine; None if it has none."""
    if path is None or "://" in path:
        return None
    if not Path(path).is_absolute():
        return path
    return Path(path).relative_to(folder.resolve()).as_posix() if Path(path).is_relative_to(folder.resolve()) else None
