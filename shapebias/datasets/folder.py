"""Images of one's own: class folders, or a folder with a table of labels."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Literal

import attrs

from shapebias.contracts import Sample
from shapebias.datasets._images import Interpolation, class_folders, fit, read_image
from shapebias.errors import DataError, suggestion
from shapebias.labels import imagenet_wnids
from shapebias.params import param

__all__ = ["Folder"]


@attrs.frozen
class Folder:
    """Images in class folders, or in a folder with a CSV file of labels.

    Args:
        path: the folder.  Without ``labels`` it has one folder a class, and the sorted folder names are the classes.

    Raises:
        DataError: a folder, a file, a column or a label is missing, or an image cannot be read.

    >>> Folder("photos/val", size=224, crop=0.875).interpolation
    'bilinear'
    """

    path: Path = param("folder with one folder a class, or with a CSV of labels", converter=Path)
    labels: str | None = param("CSV file inside the folder", default=None)
    file_column: str = param("column with the file's path inside the folder", default="file")
    label_column: str = param("column with the class", default="label")
    classes_are: Literal["names", "imagenet-1k"] = param(
        "what a label is: a class name, or an index into ImageNet-1k", default="names"
    )
    size: int | None = param("side of the square that is cut out; none takes images as they are", default=None, ge=1)
    crop: float = param("share of the resized short side that is kept", default=1.0, gt=0, le=1)
    interpolation: Interpolation = param("how images are resized", default="bilinear")

    @functools.cached_property
    def _listing(self) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
        """The classes, and each file with its label."""
        if self.labels is None:
            by_class = class_folders(self.path)
            files = [(file, label) for label, files in enumerate(by_class.values()) for file in files]
            return tuple(by_class), files
        rows = self._rows(self.path / self.labels)
        if self.classes_are == "imagenet-1k":
            classes = tuple(str(index) for index in range(len(imagenet_wnids())))
        else:
            classes = tuple(sorted({label for _, label in rows}))
        unknown = sorted({label for _, label in rows} - set(classes))
        if unknown:
            raise DataError(f"{self.labels}: {', '.join(unknown[:3])} is no index into ImageNet-1k (0 to 999)")
        index = {name: place for place, name in enumerate(classes)}
        return classes, [(self.path / file, index[label]) for file, label in rows]

    def _rows(self, table: Path) -> list[tuple[str, str]]:
        if not table.is_file():
            raise DataError(f"label file {str(table)!r} does not exist; name a CSV file inside {str(self.path)!r}")
        with table.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            columns = reader.fieldnames or []
            for column in (self.file_column, self.label_column):
                if column not in columns:
                    has = ", ".join(columns) or "no columns"
                    raise DataError(f"{table}: no column {column!r}{suggestion(column, columns)}; it has {has}")
            rows = [(row[self.file_column], row[self.label_column]) for row in reader]
        if not rows:
            raise DataError(f"{table} lists no images")
        return rows

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self._listing[0]

    def __len__(self) -> int:
        return len(self._listing[1])

    def __getitem__(self, index: int) -> Sample:
        file, label = self._listing[1][index]
        image = fit(read_image(file), self.size, self.crop, self.interpolation)
        return Sample(image, file.relative_to(self.path).as_posix(), label)
