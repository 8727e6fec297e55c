"""The results of a study as metrics, suites and reactive hooks read them, whether from a store or from memory.

No class here needs to be inherited.  N images, H rows, W columns, C classes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shapebias.networks.labels import LabelMapping

__all__ = [
    "Answers",
    "CellNames",
    "CellSummary",
    "Maps",
    "ResultCell",
    "StudyResults",
    "Values",
]


@attrs.frozen
class CellSummary:
    """The result of computing one cell.

    Args:
        images: images that were computed in this run.
        failed: images that failed, or were not tried because the cell had failed before them.
        seconds: time spent on the images that were computed.
        error: the traceback of the first failure; empty where nothing failed.
    """

    images: int = 0
    failed: int = 0
    seconds: float = 0.0
    error: str = ""


class CellNames(Protocol):
    """The names, as in tables, of the components that a result was computed with."""

    @property
    def dataset(self) -> str:
        """The name of the data set."""

    @property
    def model(self) -> str:
        """The name of the model."""

    @property
    def condition(self) -> str:
        """The name of the condition."""

    @property
    def eps(self) -> float | None:
        """The attack's budget, None without an attack that has one."""


class ResultCell(CellNames, Protocol):
    """The properties that answers, maps and values share."""

    @property
    def ids(self) -> Sequence[str]:
        """The images' ids, in the order of every array."""

    @property
    def texts(self) -> Mapping[str, str]:
        """The canonical texts of the components, by role."""


class Answers(ResultCell, Protocol):
    """The stored answers of one model to one data set under one condition, at one eps."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of the labels."""

    @property
    def mapping(self) -> LabelMapping | None:
        """How the model's outputs became scores; None where that is not known, as for people."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) true classes, -1 where unknown."""

    @property
    def shape_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the shape, -1 where unknown."""

    @property
    def texture_labels(self) -> NDArray[np.int64]:
        """(n,) classes of the texture, -1 where unknown."""

    @property
    def prediction(self) -> NDArray[np.int64]:
        """(n,) answered classes, -1 where there was no answer."""

    @property
    def logits(self) -> NDArray[np.floating[Any]] | None:
        """(n, C) scores in the data set's classes, None where they were not kept."""

    @property
    def gradient_failed(self) -> NDArray[np.bool_]:
        """(n,) whether the attack had a gradient of the image that was NaN or infinite."""

    @property
    def destroys(self) -> Collection[str]:
        """What the condition's transforms destroy; empty without transforms, or without their plugins."""

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image, (n, k), best first; ties go to the lower index.

        There are fewer columns where fewer classes were kept: the prediction alone where no scores were.
        """


class Maps(ResultCell, Protocol):
    """The stored maps of one saliency method for one model, data set and condition, at one eps.

    Images whose map was not finite are in none of the arrays; ``missing`` are their ids.
    """

    @property
    def saliency(self) -> str:
        """The name of the saliency method."""

    @property
    def missing(self) -> Sequence[str]:
        """The ids of the images whose map was not finite."""

    @property
    def maps(self) -> NDArray[np.float32]:
        """(n, H, W), larger where the pixel mattered more."""

    @property
    def extras(self) -> Mapping[str, NDArray[Any]]:
        """Further per-image arrays of the method, by name."""

    @property
    def masks(self) -> NDArray[np.bool_] | None:
        """(n, H, W) objects, None where they are unknown, or the condition moves them."""

    @property
    def moves_pixels(self) -> bool:
        """Whether the condition moves objects; also true where its plugin is not installed."""


class Values(ResultCell, Protocol):
    """The stored values of one probe for one model, data set and condition, and one saliency method if it has maps."""

    @property
    def saliency(self) -> str | None:
        """The name of the saliency method, None for a probe that needs no maps."""

    @property
    def probe(self) -> str:
        """The name of the probe."""

    @property
    def values(self) -> Mapping[str, NDArray[Any]]:
        """The per-image arrays, by name."""


class StudyResults(Protocol):
    """What a metric reads: every finished cell of a study."""

    @property
    def seed(self) -> int:
        """The study's seed, also for resampling."""

    def answers(self) -> Sequence[Answers]:
        """List the answers of every finished prediction cell, one entry an eps."""

    def maps(self) -> Sequence[Maps]:
        """List the maps of every finished saliency cell, one entry an eps."""

    def values(self) -> Sequence[Values]:
        """List the values of every finished probe cell, one entry an eps."""
