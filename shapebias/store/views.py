"""What metrics read: the answers, maps and values of one cell at one eps, read on access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import ShapebiasError
from shapebias.networks.labels import LabelMapping
from shapebias.plugins.catalog import Component
from shapebias.spelling.former import former_spellings
from shapebias.store.columns import column
from shapebias.store.records import ComponentRecord
from shapebias.store.stored import StoredCell, StoredDataset
from shapebias.study import Condition
from shapebias.study.stored_text import current_text

__all__ = ["StoredAnswers", "StoredMaps", "StoredValues", "indexed_eps"]

_BLOCK = 2048


@attrs.frozen(eq=False)
class _View:
    """One cell, at one eps.

    Args:
        cell: the cell.
        images: the data set that the cell's rows are indices of.
        names: the names of the five components in tables, by role.
        eps: the attack's budget; None if the attack has none.
        eps_index: its index on the eps axis; None if the arrays have no such axis.
    """

    cell: StoredCell
    images: StoredDataset
    names: Mapping[str, str | None]
    eps: float | None = None
    eps_index: int | None = None

    @property
    def dataset(self) -> str:
        """The name of the data set in tables."""
        return self.names["dataset"] or ""

    @property
    def model(self) -> str:
        """The name of the model in tables."""
        return self.names["model"] or ""

    @property
    def condition(self) -> str:
        """The name of the condition in tables."""
        return self.names["condition"] or ""

    @property
    def components(self) -> Mapping[str, ComponentRecord | None]:
        """The records of the components, with their names in tables as titles."""
        return {
            role: None if component is None else attrs.evolve(component, title=self.names[role] or "")
            for role, component in self.cell.record.components().items()
        }

    @property
    def texts(self) -> Mapping[str, str]:
        """The canonical texts of the components, by role, in the spelling of this version."""
        components = self.cell.record.components().items()
        return {
            role: current_text(role, component.canonical) for role, component in components if component is not None
        }

    @property
    def steps(self) -> tuple[Component, ...] | None:
        """The transforms and the attack of the condition; None if one of their plugins is not installed."""
        try:
            with former_spellings():
                return Condition.parse(self.cell.record.condition.canonical).steps
        except ShapebiasError:
            return None

    @property
    def name(self) -> str:
        """The name of the cell in messages."""
        words = [name for name in self.names.values() if name]
        return " | ".join(words if self.eps is None else [*words, f"eps={self.eps:.6g}"])

    @property
    def rows(self) -> NDArray[np.int64]:
        """(n,) indices of the images in the data set."""
        return self.cell.rows

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The images' ids, in the order of every array."""
        ids = self.images.ids
        return tuple(ids[position] for position in self.images.positions(self.rows))

    def array(self, name: str) -> NDArray[Any]:
        """Read an array of the cell at this eps."""
        return self.cell.array(name, eps_index=self.eps_index)

    def _group(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Read all arrays whose names begin with ``prefix``."""
        return {name.removeprefix(prefix): self.array(name) for name in self.cell.names if name.startswith(prefix)}


@attrs.frozen(eq=False)
class StoredAnswers(_View):
    """Answers as :class:`shapebias.plugins.study_results.Answers` describes them."""

    @property
    def destroys(self) -> frozenset[str]:
        """What the condition's transforms destroy (texture, shape, colour); empty without their plugins."""
        return frozenset(word for step in self.steps or () for word in step.destroys)

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes, in the order of the labels."""
        return self.images.classes

    @property
    def mapping(self) -> LabelMapping | None:
        """How the model's outputs became scores; None where that is not stored, as for people."""
        text = self.cell.attributes.get("mapping")
        return LabelMapping.from_json(text) if isinstance(text, str) and text else None

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(n,) true classes, -1 where unknown."""
        return _fixed(self._label("labels"))

    @cached_property
    def shape_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the shape, -1 where unknown; a condition may have changed them."""
        return _fixed(self._label("shape_labels"))

    @cached_property
    def texture_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the texture, -1 where unknown; a condition may have changed them."""
        return _fixed(self._label("texture_labels"))

    def _label(self, name: str) -> NDArray[np.int64]:
        if name in self.cell.names:
            return self.cell.array(name).astype(np.int64)  # no axis of eps
        labels: NDArray[np.int32] = getattr(self.images, name)
        return labels[self.images.positions(self.cell.rows)].astype(np.int64)

    @cached_property
    def prediction(self) -> NDArray[np.int64]:
        """(n,) classes answered, -1 where there was no answer."""
        return _fixed(self.array("prediction").astype(np.int64))

    @property
    def logits(self) -> NDArray[np.float32] | None:
        """(n, C) scores, None where they were not kept; read at each access, as they may not all fit into memory."""
        return self.array("logits") if "logits" in self.cell.names else None

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image, (n, k), best first; ties go to the lower index.

        There are fewer columns where fewer classes exist or were kept.
        """
        if "logits" in self.cell.names:
            # Copies, because a view of the few best would keep the full array in memory.
            blocks = [np.argsort(-block, axis=1, kind="stable")[:, :k].copy() for block in self._logit_blocks()]
            return np.concatenate(blocks)
        best = self.array("top_classes") if "top_classes" in self.cell.names else self.prediction[:, None]
        return best[:, :k].astype(np.int64)

    @property
    def gradient_failed(self) -> NDArray[np.bool_]:
        """(n,) whether a gradient of the image was not finite in the attack; false where it was not stored."""
        if "gradient_failed" not in self.cell.names:
            return column("gradient_failed").filled((len(self.cell.rows),), np.dtype(bool))
        return self.array("gradient_failed").astype(bool)

    def _logit_blocks(self) -> Iterator[NDArray[np.float32]]:
        rows = self.cell.rows
        for start in range(0, len(rows), _BLOCK):
            yield self.cell.array("logits", rows[start : start + _BLOCK], self.eps_index)


@attrs.frozen(eq=False)
class StoredMaps(_View):
    """Maps as :class:`shapebias.plugins.study_results.Maps` describes them."""

    @property
    def saliency(self) -> str:
        """The name of the saliency method in tables."""
        return self.names["saliency"] or ""

    @cached_property
    def _mapped(self) -> NDArray[np.bool_]:
        return ~self.cell.missing_maps(self.eps_index)

    @property
    def rows(self) -> NDArray[np.int64]:
        """(n,) indices in the data set of the images that have a map, in the order of every array."""
        return self.cell.rows[self._mapped]

    @property
    def missing(self) -> tuple[str, ...]:
        """The ids of the images whose map was not finite; they are in none of the arrays."""
        ids = self.images.ids
        return tuple(ids[position] for position in self.images.positions(self.cell.rows[~self._mapped]))

    def array(self, name: str) -> NDArray[Any]:
        """Read an array of the cell at this eps, of the images that have a map."""
        return self.cell.array(name, self.rows, self.eps_index)

    @property
    def maps(self) -> NDArray[np.float32]:
        """(n, H, W), larger where the pixel mattered more; read at each access."""
        return self.array("maps")

    @property
    def moves_pixels(self) -> bool:
        """Whether the condition moves objects; also true where its plugin is not installed."""
        return self.steps is None or any(step.spec.moves_pixels for step in self.steps)

    @property
    def masks(self) -> NDArray[np.bool_] | None:
        """(n, H, W) object masks, read at each access; None if they are not stored, or the condition moves objects."""
        return None if self.moves_pixels else self.images.masks(self.rows)

    @property
    def extras(self) -> dict[str, NDArray[Any]]:
        """Further per-image arrays of the method, by name."""
        return self._group("extras/")


@attrs.frozen(eq=False)
class StoredValues(_View):
    """Values as :class:`shapebias.plugins.study_results.Values` describes them."""

    @property
    def saliency(self) -> str | None:
        """The name of the saliency method in tables, None for a probe that needs no maps."""
        return self.names["saliency"]

    @property
    def probe(self) -> str:
        """The name of the probe in tables."""
        return self.names["probe"] or ""

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """The per-image arrays, by name."""
        return self._group("values/")


def _fixed(array: NDArray[np.int64]) -> NDArray[np.int64]:
    """Make an array read-only: it is kept, so what a metric wrote to it would change the numbers of other metrics."""
    array.flags.writeable = False
    return array


def indexed_eps(cell: StoredCell) -> list[tuple[float | None, int | None]]:
    """List each eps of a cell with its index on the eps axis; None where there is no such axis."""
    if isinstance(cell.eps, tuple):
        return [(eps, eps_index) for eps_index, eps in enumerate(cell.eps)]
    return [(cell.eps, None)]
