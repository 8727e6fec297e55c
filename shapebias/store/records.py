"""The contents of a store as plain values: components, cells, data sets and parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, TypeAlias

import attrs
from numpy.typing import NDArray

from shapebias.study.stored_text import current_text

__all__ = ["CellRecord", "ComponentRecord", "DatasetPart", "Header", "Part", "Scalar", "differently_scored"]

Scalar: TypeAlias = str | int | float | bool | None


@attrs.frozen
class ComponentRecord:
    """A component as the store records it.

    Args:
        canonical: the text with every parameter.
        title: the name in tables: the user's label, or the short text.
        provider: distribution and version that provided it.
        files: fingerprint (SHA-256) of every file and folder in the text, by its path.
    """

    canonical: str
    title: str = attrs.field(default="", eq=False)
    provider: str = attrs.field(default="", eq=False)
    files: Mapping[str, str] = attrs.field(factory=dict)

    @cached_property
    def key(self) -> str:
        """A hash of the identity, which does not include title and provider."""
        return _hash(self._identity())

    def _identity(self) -> dict[str, object]:
        return {"text": self.canonical, "files": dict(self.files)}


@attrs.frozen
class CellRecord:
    """One data set, model and condition (and saliency method, and probe): the identity of an answer.

    Args:
        dataset, model, condition, saliency, probe: the components; the last two may be None.
        settings: further settings that determine the answer: seed, precision, label mapping, ...
    """

    dataset: ComponentRecord
    model: ComponentRecord
    condition: ComponentRecord
    saliency: ComponentRecord | None = None
    probe: ComponentRecord | None = None
    settings: Mapping[str, Scalar] = attrs.field(factory=dict)

    @cached_property
    def key(self) -> str:
        """A hash of the identity, which does not include titles and providers."""
        components = {
            name: None if component is None else component._identity()  # noqa: SLF001 - the same module
            for name, component in self.components().items()
        }
        return _hash([components, dict(self.settings)])

    @property
    def scoring(self) -> tuple[str, str]:
        """How class scores are made of a model's outputs: the aggregate, and the hash of a mapping file."""
        return str(self.settings.get("aggregate") or "mean"), str(self.settings.get("mapping") or "")

    @property
    def title(self) -> str:
        """The cell in words, for messages."""
        return " | ".join(part.title or part.canonical for part in self.components().values() if part is not None)

    @property
    def texts(self) -> tuple[str | None, ...]:
        """The canonical texts of the five components, as this version spells them; None for those that are absent."""
        return tuple(
            None if part is None else current_text(role, part.canonical) for role, part in self.components().items()
        )

    def components(self) -> dict[str, ComponentRecord | None]:
        """Return the five components by their role."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "condition": self.condition,
            "saliency": self.saliency,
            "probe": self.probe,
        }


def _hash(identity: object) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@attrs.frozen(eq=False)
class Part:
    """A cell's answers for some of the images, at most 2,048: the unit of computing, resuming and writing.

    Args:
        cell: the identity of the cell.
        rows: (n,) indices of the images in the data set, ascending.
        arrays: per-image arrays by name, first axis n: ``prediction``, ``logits`` (or ``top_scores`` and
            ``top_classes``), ``maps``, ``images``, ``extras/NAME``, ``values/NAME``.  A cell with an eps axis has
            (n, E, ...) arrays and an attribute ``eps``.  ``labels``, ``shape_labels`` and ``texture_labels`` are here
            if the condition can change them.
        attributes: facts about the computation: device, precision, seconds, mapping, ...; ``eps`` is a number, or a
            JSON list if there is an eps axis.
        status: ``done`` or ``failed``.
        error: the traceback of a part that failed.
    """

    cell: CellRecord
    rows: NDArray[Any]
    arrays: Mapping[str, NDArray[Any]] = attrs.field(factory=dict)
    attributes: Mapping[str, Scalar] = attrs.field(factory=dict)
    status: Literal["done", "failed"] = "done"
    error: str = ""


@attrs.frozen(eq=False)
class DatasetPart:
    """The facts about some images of a data set that the store keeps.

    Args:
        dataset: the identity of the data set.
        rows: (n,) indices of the images in the data set, ascending.
        ids: n image ids.
        labels, shape_labels, texture_labels: (n,) class indices, -1 where unknown.
        thumbnails: (n, h, w, 3) uint8; None where only answers are known.
        attributes: ``classes`` (JSON list), ``height``, ``width``, ``images`` (number in the whole data set), and
            ``note``, which part of a published set it is, if it is not complete.
        masks: (n, H, W) int8: 1 on the object, 0 elsewhere, -1 everywhere for an image without a mask; None if no
            image has one.
    """

    dataset: ComponentRecord
    rows: NDArray[Any]
    ids: tuple[str, ...]
    labels: NDArray[Any]
    shape_labels: NDArray[Any]
    texture_labels: NDArray[Any]
    thumbnails: NDArray[Any] | None
    attributes: Mapping[str, Scalar] = attrs.field(factory=dict)
    masks: NDArray[Any] | None = None


def differently_scored(records: Iterable[CellRecord]) -> str:
    """Say which answers of a model to a data set have class scores of two kinds; nothing where all are of one kind.

    Metrics compare the conditions of a model: its accuracy under one with the sum of the probabilities of a class does
    not compare with that under another with their mean.
    """
    known: dict[tuple[str, str], CellRecord] = {}
    for record in records:
        first = known.setdefault((record.dataset.canonical, record.model.canonical), record)
        for what, before, now in zip(("aggregate", "mapping file"), first.scoring, record.scoring, strict=True):
            if before != now:
                return (
                    f"{record.model.title} has answers to {record.dataset.title} with {what} {before or 'none'} "
                    f"({first.condition.title}) and with {what} {now or 'none'} ({record.condition.title}), "
                    "which do not compare"
                )
    return ""


@attrs.frozen
class Header:
    """The header of a store.

    Args:
        study: the study as TOML.
        seed: the study's seed.
        versions: versions of shapebias, plugins, torch, timm, CUDA, Python, by name.
        device: description of the device.
        shard: ``"2/3"`` if the file has the second of three shares of the study; empty for the whole study.
    """

    study: str
    seed: int
    versions: Mapping[str, str] = attrs.field(factory=dict)
    device: str = ""
    shard: str = ""
