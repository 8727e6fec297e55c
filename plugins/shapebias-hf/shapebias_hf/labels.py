"""Columns of labels and their classes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import attrs
import datasets

from shapebias.plugin import ShapebiasError, class_order

__all__ = ["Labels", "read_labels"]

_SHOWN = 10
_DTYPES = {"string", "large_string", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


@attrs.frozen
class Labels:
    """The classes, and the class of each value of each column.

    Args:
        classes: their names.
        indices: the index in ``classes``, by column and stored value.
    """

    classes: tuple[str, ...]
    indices: Mapping[str, Mapping[Hashable, int]]

    def index(self, row: Mapping[str, Hashable], column: str | None) -> int | None:
        """Return the class that a row has in a column; None if it is unknown, or if there is no such column."""
        return None if column is None else self.indices[column].get(row[column])


def read_labels(table: datasets.Dataset, columns: Sequence[str], source: str) -> Labels:
    """Read the classes of a table.

    Args:
        table: the table.
        columns: its columns of labels; the first one defines the classes if it has their names.
        source: the name of the table in messages.

    Raises:
        ShapebiasError: a column has no labels, a number without a name, or a class that is not in the first column.
    """
    names = {column: _names(table, column, source) for column in columns}
    first = table.features[columns[0]]
    if isinstance(first, datasets.ClassLabel):
        classes = tuple(first.names)
    else:
        classes = class_order(name for by_value in names.values() for name in by_value.values())
    if not classes:
        raise ShapebiasError(f"hf:{source} column {columns[0]!r} has no labels; give another one with label=")
    positions = {name: position for position, name in enumerate(classes)}
    for column, by_value in names.items():
        if strangers := sorted(set(by_value.values()) - positions.keys()):
            raise ShapebiasError(
                f"hf:{source} column {column!r} has {', '.join(strangers[:_SHOWN])}, which are not classes of "
                f"{columns[0]!r}: {', '.join(classes[:_SHOWN])}, ...; correct the table, or name other columns"
            )
    return Labels(
        classes, {column: {value: positions[name] for value, name in names[column].items()} for column in names}
    )


def _names(table: datasets.Dataset, column: str, source: str) -> dict[Hashable, str]:
    """Return the class of each value of a column, without the values that mean an unknown class."""
    feature = table.features[column]
    if not isinstance(feature, datasets.ClassLabel) and getattr(feature, "dtype", "") not in _DTYPES:
        raise ShapebiasError(
            f"hf:{source} column {column!r} is {feature}; labels are ClassLabel, texts or integers: name another column"
        )
    values = [value for value in table.unique(column) if value is not None]
    if isinstance(feature, datasets.ClassLabel):
        if (largest := max(values, default=-1)) >= len(feature.names):
            raise ShapebiasError(
                f"hf:{source} column {column!r} has {largest}, but names for only {len(feature.names)} classes, from 0 "
                "on; correct the table"
            )
        return {value: feature.names[value] for value in values if value >= 0}
    return {value: str(value) for value in values}
