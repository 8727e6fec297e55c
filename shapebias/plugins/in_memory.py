"""Answers, maps and values held in memory, for tests of metrics and for tools.

A store reads the same from its file; metrics see no difference (:class:`shapebias.plugins.study_results.Answers`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.networks.labels import LabelMapping

__all__ = ["InMemoryAnswers", "InMemoryMaps", "InMemoryResults", "InMemoryValues"]


def _indices(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


def _truth_values(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values, dtype=bool)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"{index:04d}.png" for index in range(count))


@attrs.frozen(eq=False, kw_only=True)
class _InMemoryCell:
    """What answers, maps and values have in common.

    Args:
        dataset, model, condition: their names.
        eps: the attack's budget, None without an attack that has one.
        texts: canonical texts by role, where they are not the names.
    """

    dataset: str = "photos"
    model: str = "net"
    condition: str = "clean"
    eps: float | None = None
    _texts: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def texts(self) -> Mapping[str, str]:
        """The canonical texts of the components, by role."""
        roles = ("dataset", "model", "condition", "saliency", "probe")
        names = {role: getattr(self, role, None) for role in roles}
        return {**{role: name for role, name in names.items() if name is not None}, **self._texts}

    def taking(self, positions: Sequence[int] | NDArray[np.int64]) -> Self:
        """Return the same cell with a selection of its images, or with its images in another order.

        Args:
            positions: the images, as positions in every array.
        """
        changes: dict[str, Any] = {}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if field.name == "ids":
                changes["ids"] = [value[position] for position in positions]
            elif isinstance(value, np.ndarray):
                changes[field.name] = value[positions]
            elif isinstance(value, Mapping) and field.name != "_texts":
                changes[field.name] = {name: array[positions] for name, array in value.items()}
        return attrs.evolve(self, **changes)


@attrs.frozen(eq=False)
class InMemoryAnswers(_InMemoryCell):
    """The answers of one model to one data set under one condition.

    Args:
        prediction: (n,) answered classes, -1 for no answer.
        labels, shape_labels, texture_labels: (n,) classes, -1 where unknown; the last two are unknown by default.
        ids: the images' ids; ``0000.png``, ``0001.png``, ... by default.
        classes: the names of the classes; their indices as text by default.
        logits: (n, C) scores, or None.
        gradient_failed: (n,) whether the attack had a gradient of the image that was not finite; false by default.
        destroys: what the condition's transforms destroy, such as ``texture``; nothing by default.
        mapping: how the model's outputs became scores, or None.
        dataset, model, condition: names; ``photos``, ``net`` and ``clean`` by default.
        eps: the attack's budget, or None.
        texts: canonical texts by role; the names by default.

    >>> answers = InMemoryAnswers([0, 1, 1], labels=[0, 1, 0], classes=("cat", "dog"), condition="grayscale")
    >>> answers.taking([2, 0]).prediction, answers.ids[2]
    (array([1, 0]), '0002.png')
    """

    prediction: NDArray[np.int64] = attrs.field(converter=_indices)
    labels: NDArray[np.int64] = attrs.field(converter=_indices)
    shape_labels: NDArray[np.int64] = attrs.field(converter=_indices)
    texture_labels: NDArray[np.int64] = attrs.field(converter=_indices)
    ids: tuple[str, ...] = attrs.field(converter=_texts)
    classes: tuple[str, ...] = attrs.field(converter=_texts)
    logits: NDArray[np.floating[Any]] | None = None
    gradient_failed: NDArray[np.bool_] = attrs.field(converter=_truth_values)
    destroys: Collection[str] = ()
    mapping: LabelMapping | None = None

    @shape_labels.default
    def _unknown_shapes(self) -> NDArray[np.int64]:
        return np.full(len(self.prediction), -1)

    @texture_labels.default
    def _unknown_textures(self) -> NDArray[np.int64]:
        return np.full(len(self.prediction), -1)

    @ids.default
    def _numbers(self) -> tuple[str, ...]:
        return _numbered(len(self.prediction))

    @classes.default
    def _digits(self) -> tuple[str, ...]:
        used = (self.prediction, self.labels, self.shape_labels, self.texture_labels)
        return tuple(map(str, range(1 + max(indices.max(initial=-1) for indices in used))))

    @gradient_failed.default
    def _finite(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.prediction), dtype=bool)

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image, (n, k), best first; the prediction alone without logits."""
        if self.logits is None:
            return self.prediction[:, None][:, :k]
        return np.argsort(-self.logits, axis=1, kind="stable")[:, :k]


@attrs.frozen(eq=False)
class InMemoryMaps(_InMemoryCell):
    """The maps of one saliency method.

    Args:
        maps: (n, H, W), larger where the pixel mattered more.
        ids: the images' ids; numbered by default.
        masks: (n, H, W) objects, or None.
        extras: further per-image arrays of the method, by name.
        saliency: the name of the method.
        missing: the ids of images without a map.
        moves_pixels: whether the condition moves objects.
        dataset, model, condition, eps, texts: as of :class:`InMemoryAnswers`.

    >>> InMemoryMaps(np.ones((2, 4, 4), np.float32)).ids
    ('0000.png', '0001.png')
    """

    maps: NDArray[np.float32]
    ids: tuple[str, ...] = attrs.field(converter=_texts)
    masks: NDArray[np.bool_] | None = None
    extras: Mapping[str, NDArray[Any]] = attrs.field(factory=dict)
    saliency: str = "gradient"
    missing: tuple[str, ...] = ()
    moves_pixels: bool = False

    @ids.default
    def _numbers(self) -> tuple[str, ...]:
        return _numbered(len(self.maps))


@attrs.frozen(eq=False)
class InMemoryValues(_InMemoryCell):
    """The values of one probe.

    Args:
        values: (n, ...) arrays by name.
        ids: the images' ids.
        saliency: the name of the saliency method, None for a probe that needs no maps.
        probe: the name of the probe.
        dataset, model, condition, eps, texts: as of :class:`InMemoryAnswers`.

    >>> InMemoryValues({"auc": np.array([0.5, 0.75])}, ids=("a", "b")).taking([1]).values["auc"]
    array([0.75])
    """

    values: Mapping[str, NDArray[Any]]
    ids: tuple[str, ...] = attrs.field(converter=_texts)
    saliency: str | None = "gradient"
    probe: str = "insertion"


_Cell = TypeVar("_Cell", InMemoryAnswers, InMemoryMaps, InMemoryValues)


@attrs.frozen(eq=False)
class InMemoryResults:
    """Results that a metric reads.

    Args:
        answers, maps, values: the cells of each kind.
        seed: the study's seed, also for resampling.

    >>> from shapebias.plugins.catalog import default_catalog
    >>> results = InMemoryResults([InMemoryAnswers([0, 1, 1, 0], labels=[0, 1, 1, 1])])
    >>> accuracy = default_catalog().component("metric", "accuracy:top=1").settings
    >>> accuracy(results)[["model", "value", "n"]].values.tolist()
    [['net', 0.75, 4]]
    """

    _answers: Sequence[InMemoryAnswers] = ()
    _maps: Sequence[InMemoryMaps] = ()
    _values: Sequence[InMemoryValues] = ()
    seed: int = attrs.field(default=0, kw_only=True)

    def answers(self) -> Sequence[InMemoryAnswers]:
        """List the answers."""
        return self._answers

    def maps(self) -> Sequence[InMemoryMaps]:
        """List the maps."""
        return self._maps

    def values(self) -> Sequence[InMemoryValues]:
        """List the values of probes."""
        return self._values

    def shuffled(self, seed: int) -> InMemoryResults:
        """Return the same results, with the images of each cell in a random order."""
        random = np.random.default_rng(seed)

        def shuffle(cells: Sequence[_Cell]) -> list[_Cell]:
            return [cell.taking(random.permutation(len(cell.ids))) for cell in cells]

        return InMemoryResults(shuffle(self._answers), shuffle(self._maps), shuffle(self._values), seed=self.seed)
