"""Views of a store: data sets, cells and failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, cast

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from shapebias.store.joined_arrays import ArraySource, JoinedArrays
from shapebias.store.layout import Facts
from shapebias.store.records import CellRecord, ComponentRecord, Scalar

__all__ = ["Failure", "StoredCell", "StoredDataset"]


@attrs.frozen(eq=False)
class Failure:
    """Images for which a cell failed.

    Args:
        record: the identity of the cell.
        rows: (n,) indices of the images in the data set.
        error: the traceback.
    """

    record: CellRecord
    rows: NDArray[np.int64]
    error: str


class StoredDataset(JoinedArrays):
    """A data set in a store.

    Args:
        record: the identity of the data set.
        attributes: ``classes``, ``height``, ``width``, ``images``, ...
        sources: the groups with its arrays.
    """

    def __init__(
        self, record: ComponentRecord, attributes: Mapping[str, Scalar], sources: Sequence[ArraySource]
    ) -> None:
        super().__init__(record.title or record.canonical, sources)
        self.record = record
        self.attributes = attributes

    @property
    def note(self) -> str | None:
        """Which part of a published set it is, such as ``320 of 1,280 images``; None if it is complete."""
        note = self.attributes.get("note")
        return None if note is None else str(note)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return tuple(json.loads(str(self.attributes.get("classes", "[]"))))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its images, in pixels."""
        return cast(int, self.attributes["height"]), cast(int, self.attributes["width"])

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The images' ids."""
        return tuple(self.array("ids"))

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """(n,) class indices, -1 where unknown."""
        return self.array("labels")

    @cached_property
    def shape_labels(self) -> NDArray[np.int32]:
        """(n,) class indices of the shape, -1 where unknown."""
        return self.array("shape_labels")

    @cached_property
    def texture_labels(self) -> NDArray[np.int32]:
        """(n,) class indices of the texture, -1 where unknown."""
        return self.array("texture_labels")

    @property
    def thumbnails(self) -> NDArray[np.uint8]:
        """(n, h, w, 3), read at each access; ``array("thumbnails", rows)`` reads some."""
        return self.array("thumbnails")

    def masks(self, rows: ArrayLike) -> NDArray[np.bool_] | None:
        """Return the object masks of some images, (n, H, W); None if one of them has none."""
        if "masks" not in self.names:
            return None
        masks = self.array("masks", rows)
        return None if (masks < 0).any() else masks.astype(bool)


class StoredCell(JoinedArrays):
    """A cell in a store.

    Its ``rows`` are the images that have answers, which may be fewer than the data set has.

    Args:
        record: the identity of the cell.
        parts: how each part was computed; if an image is in several of them, the last is used.
        sources: the groups with its arrays.
    """

    def __init__(self, record: CellRecord, parts: Sequence[Facts], sources: Sequence[ArraySource]) -> None:
        super().__init__(record.title, sources)
        self.record = record
        self.done = _without(np.empty(0, np.int64), (part for part in parts if part.status == "done"))
        self.failed = _without(self.rows, (part for part in parts if part.status == "failed"))

    @property
    def status(self) -> Literal["done", "failed"]:
        """``failed`` while it has failed for some images; ``rows`` are the images that have answers."""
        return "failed" if self.failed else "done"

    @property
    def error(self) -> str:
        """The traceback of the first part that failed."""
        return self.failed[0].error if self.failed else ""

    @property
    def attributes(self) -> dict[str, Scalar]:
        """The attributes on which all finished parts agree, and the total of ``seconds``."""
        parts = [part.attributes for part in self.done]
        agreed = {
            name: value
            for name, value in (parts[0] if parts else {}).items()
            if all(name in part and part[name] == value for part in parts)
        }
        seconds = [float(part["seconds"] or 0) for part in parts if "seconds" in part]
        return {**agreed, "seconds": sum(seconds)} if seconds else agreed

    @property
    def eps(self) -> tuple[float, ...] | float | None:
        """The attack's budget: numbers along the second axis of every array, one number, or None."""
        eps = self.attributes.get("eps")
        return tuple(json.loads(eps)) if isinstance(eps, str) else eps


def _without(rows: NDArray[np.int64], parts: Iterable[Facts]) -> tuple[Facts, ...]:
    """Remove from each part the images that are in ``rows`` or in a later part."""
    kept: list[Facts] = []
    for part in reversed(list(parts)):
        left = np.setdiff1d(part.rows, rows)
        if len(left):
            kept.append(attrs.evolve(part, rows=left))
            rows = np.union1d(rows, left)
    return tuple(reversed(kept))
