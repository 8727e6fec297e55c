"""Rules of metrics, tried on results that are made up: two models, conditions, a list of eps, maps, probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shapebias.testing.rules import BrokenRuleError, Rules, require
from shapebias.testing.subjects import CLASSES, Subject

__all__ = ["RULES", "MadeUpImages", "MadeUpResults", "made_up_results"]

RULES: Rules[Subject] = Rules()
_IMAGES = 24
_DESTROYED = {"saturate:p=8": ("texture",), "patch-shuffle:k=4": ("shape",)}
_COLUMNS = ("dataset", "model", "condition", "metric", "value", "low", "high", "n", "method")


@attrs.frozen(eq=False)
class _View:
    """What the views of one cell share; ``taking`` puts its images into another order."""

    dataset: str
    model: str
    condition: str
    eps: float | None
    ids: tuple[str, ...]

    @property
    def texts(self) -> Mapping[str, str]:
        """The canonical texts of the components."""
        return {"dataset": self.dataset, "model": self.model, "condition": self.condition}

    @property
    def destroys(self) -> frozenset[str]:
        """What the condition's transforms destroy."""
        return frozenset(_DESTROYED.get(self.condition, ()))

    def taking(self, rows: NDArray[np.int64]) -> Any:
        """Return the same cell with its images in another order."""
        changes: dict[str, Any] = {"ids": tuple(self.ids[row] for row in rows)}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                changes[field.name] = value[rows]
            elif isinstance(value, dict):
                changes[field.name] = {name: array[rows] for name, array in value.items()}
        return attrs.evolve(self, **changes)


@attrs.frozen(eq=False)
class _Answers(_View):
    labels: NDArray[np.int64]
    shape_labels: NDArray[np.int64]
    texture_labels: NDArray[np.int64]
    prediction: NDArray[np.int64]
    logits: NDArray[np.float32]
    classes: tuple[str, ...] = tuple("abcdefgh"[:CLASSES])

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image."""
        return np.argsort(-self.logits, axis=1, kind="stable")[:, :k]


@attrs.frozen(eq=False)
class _Maps(_View):
    saliency: str
    maps: NDArray[np.float32]
    masks: NDArray[np.bool_] | None
    extras: Mapping[str, NDArray[Any]] = attrs.field(factory=dict)

    @property
    def moves_pixels(self) -> bool:
        """Whether objects are elsewhere."""
        return self.masks is None


@attrs.frozen(eq=False)
class _Values(_View):
    saliency: str | None
    probe: str
    values: Mapping[str, NDArray[Any]]


@attrs.frozen(eq=False)
class MadeUpResults:
    """Results that no model gave, as :class:`shapebias.plugins.protocols.Results` describes them.

    Args:
        listed: the cells.
        seed: the study's seed.
    """

    listed: tuple[_View, ...] = ()
    seed: int = 0

    def answers(self) -> Sequence[Any]:
        """List the answers."""
        return [view for view in self.listed if isinstance(view, _Answers)]

    def maps(self) -> Sequence[Any]:
        """List the maps."""
        return [view for view in self.listed if isinstance(view, _Maps)]

    def values(self) -> Sequence[Any]:
        """List the values of probes."""
        return [view for view in self.listed if isinstance(view, _Values)]

    def shuffled(self, seed: int) -> MadeUpResults:
        """Return the same results, the images of each cell in an order of their own."""
        random = np.random.default_rng(seed)
        return attrs.evolve(self, listed=tuple(view.taking(random.permutation(len(view.ids))) for view in self.listed))


@attrs.frozen(eq=False)
class MadeUpImages:
    """Images with a conflict between shape and texture, of which there are only ids and labels."""

    ids: tuple[str, ...]
    shape: NDArray[np.int64]
    texture: NDArray[np.int64]

    @classmethod
    def draw(cls, random: np.random.Generator) -> MadeUpImages:
        """Draw the labels."""
        ids = tuple(f"{position:03d}.png" for position in range(_IMAGES))
        shape = random.integers(CLASSES, size=_IMAGES)
        return cls(ids, shape, (shape + random.integers(1, CLASSES, size=_IMAGES)) % CLASSES)

    def answers(self, cell: tuple[str, str, str, float | None], random: np.random.Generator) -> _Answers:
        """Make up the answers of one cell: data set, model, condition and eps; they lean on the shape."""
        logits = random.normal(size=(_IMAGES, CLASSES)).astype(np.float32)
        logits[np.arange(_IMAGES), self.shape] += 1
        logits[np.arange(_IMAGES), self.texture] += 0.5
        return _Answers(*cell, self.ids, self.shape, self.shape, self.texture, logits.argmax(axis=1), logits)

    def maps(self, cell: tuple[str, str, str, float | None], method: str, random: np.random.Generator) -> _Maps:
        """Make up the maps of one method."""
        masks = np.zeros((_IMAGES, 16, 20), dtype=bool)
        masks[:, 4:12, 5:15] = True
        known = None if "shape" in _DESTROYED.get(cell[2], ()) else masks
        return _Maps(*cell, self.ids, method, random.random((_IMAGES, 16, 20), dtype=np.float32), known)

    def values(
        self, cell: tuple[str, str, str, float | None], method: str, probe: str, random: np.random.Generator
    ) -> _Values:
        """Make up the values of one probe of a method."""
        curve = np.sort(random.random((_IMAGES, 6), dtype=np.float32), axis=1)
        return _Values(*cell, self.ids, method, probe, {"auc": curve.mean(axis=1), "curve": curve})


def made_up_results(seed: int = 0) -> MadeUpResults:
    """Make results of two models on images with a conflict between shape and texture."""
    random = np.random.default_rng(seed)
    images = MadeUpImages.draw(random)
    conditions = [
        ("clean", None),
        ("saturate:p=8", None),
        ("patch-shuffle:k=4", None),
        ("pgd", 1 / 255),
        ("pgd", 2 / 255),
    ]
    cells: list[_View] = []
    for model in ("first", "second"):
        for condition, eps in conditions:
            cell = ("pictures", model, condition, eps)
            cells.append(images.answers(cell, random))
            for method in ("gradient", "random"):
                cells.append(images.maps(cell, method, random))
                cells.extend(images.values(cell, method, probe, random) for probe in ("insertion", "deletion"))
    return MadeUpResults(tuple(cells), seed)


def compute(subject: Subject, results: MadeUpResults) -> pd.DataFrame:
    """Compute the metric."""
    table = subject.loaded(results)
    if not isinstance(table, pd.DataFrame):
        raise BrokenRuleError(f"returned a {type(table).__name__}, not a pandas DataFrame")
    return table


@RULES("returns a tidy table", f"tables of all metrics are shown and joined alike; each has {', '.join(_COLUMNS)}")
def _is_tidy(subject: Subject) -> None:
    for what, results in {"results": made_up_results(), "no results": MadeUpResults()}.items():
        missing = [name for name in _COLUMNS if name not in compute(subject, results).columns]
        require(not missing, f"{what}: no column {', '.join(missing)}")


@RULES("has an interval around each value, and n", "a number without its uncertainty and count cannot be compared")
def _has_intervals(subject: Subject) -> None:
    table = compute(subject, made_up_results()).astype({"value": float, "low": float, "high": float, "n": float})
    known = table.dropna(subset=["value", "low", "high"])
    outside = known[(known.low > known.value + 1e-9) | (known.high < known.value - 1e-9)]
    require(outside.empty, f"values outside of their intervals:\n{outside.head(3).to_string(index=False)}")
    require((table.n >= 0).all(), "n is negative or missing")
    require(known.method.astype(bool).all(), "an interval without the name of its method")


@RULES(
    "does not depend on the order of images", "images are paired by id: stores are merged and shards come in any order"
)
def _independent_of_order(subject: Subject) -> None:
    results = made_up_results()
    first, second = compute(subject, results), compute(subject, results.shuffled(1))
    try:
        pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=1e-6)
    except AssertionError as error:
        raise BrokenRuleError(f"another order, another table: {error}") from error


@RULES("is a pure function", "a table can be made again, by anybody, from the same file")
def _is_pure(subject: Subject) -> None:
    results = made_up_results()
    before = [{name: np.copy(value) for name, value in attrs.asdict(view).items()} for view in results.listed]
    first, second = compute(subject, results), compute(subject, results)
    require(first.equals(second), "two calls give two tables")
    for view, was in zip(results.listed, before, strict=True):
        for name, value in attrs.asdict(view).items():
            require(np.array_equal(np.asarray(value), was[name]), f"{name} of the results was changed")
