"""Every per-image array of a store, declared once: type, axes, and the value for images whose part lacks it.

``docs/store.md`` describes the same in words; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["CELL_COLUMNS", "DATASET_COLUMNS", "Column", "column"]


@attrs.frozen
class Column:
    """One array of a cell or of a data set; its first axis is the image.

    Args:
        name: its name in the group; ``extras/*`` means every array of the group ``extras``.
        dtype: the type on disk; None keeps the type of the array.
        image_axes: how many of the last axes belong to one image; such arrays are compressed, one chunk per image.
        scaled: stored as float16 with a factor for each image.
        since: the first version of shapebias that writes it.
        optional: whether some parts of a cell or data set may lack it.
        fill: the value for images of parts without an optional array; None means NaN, or the empty text.
    """

    name: str
    dtype: str | None = None
    image_axes: int = attrs.field(default=0, kw_only=True)
    scaled: bool = attrs.field(default=False, kw_only=True)
    since: str = attrs.field(default="0.1.0", kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)
    fill: bool | int | None = attrs.field(default=None, kw_only=True)

    def filled(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Make an array that is filled with ``fill``.

        Args:
            shape: its shape.
            dtype: the type of the array in other parts.  If the fill is NaN, integers and bools become float64.

        >>> column("values/auc").filled((2,), np.dtype("int64")), column("gradient_failed").filled((1,), np.dtype(bool))
        (array([nan, nan]), array([False]))
        """
        if self.fill is not None:
            return np.full(shape, self.fill, dtype)
        if dtype.kind in "biuf":
            return np.full(shape, np.nan, dtype if dtype.kind == "f" else np.float64)
        return np.full(shape, b"" if dtype.kind == "S" else "", dtype)


CELL_COLUMNS = (
    Column("prediction", "int32"),
    Column("logits", "float32"),
    Column("top_scores", "float32"),
    Column("top_classes", "int32"),
    Column("images", "float32", image_axes=3),
    Column("labels", "int32"),
    Column("shape_labels", "int32"),
    Column("texture_labels", "int32"),
    Column("gradient_failed", "bool", optional=True, fill=False),
    Column("maps", "float16", image_axes=2, scaled=True),
    Column("extras/*", optional=True),
    Column("values/*", optional=True),
)

DATASET_COLUMNS = (
    Column("ids"),
    Column("labels", "int32"),
    Column("shape_labels", "int32"),
    Column("texture_labels", "int32"),
    Column("thumbnails", "uint8", image_axes=3, optional=True, fill=0),
    Column("masks", "int8", image_axes=2, optional=True, fill=-1),
)

_BY_NAME = {column.name: column for column in (Column("rows", "int64"), *DATASET_COLUMNS, *CELL_COLUMNS)}


def column(name: str) -> Column:
    """Return the declaration of an array.

    Undeclared arrays come from later versions: they keep their type, and parts may lack them.

    >>> column("extras/completeness_error").name, column("masks").fill
    ('extras/*', -1)
    """
    group, slash, _ = name.partition("/")
    return _BY_NAME.get(f"{group}/*" if slash else name) or Column(name, optional=True)
