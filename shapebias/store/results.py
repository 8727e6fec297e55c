"""What a store holds, as people and metrics ask for it: answers, maps, values, tables."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.catalog import default_catalog
from shapebias.errors import StoreError
from shapebias.grammar import spell_scalar
from shapebias.store.order import in_study_order
from shapebias.store.reader import Store
from shapebias.store.records import ComponentRecord
from shapebias.store.stored import Failure, StoredCell, StoredDataset

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Results", "StoredAnswers", "StoredMaps", "StoredValues", "open_store"]


@attrs.frozen(eq=False)
class _View:
    """One cell at one eps, with the facts of its images; arrays are read when they are asked for."""

    cell: StoredCell
    images: StoredDataset
    eps: float | None = None
    at: int | None = None  # the place on the axis of eps

    @property
    def dataset(self) -> str:
        """Title of the data set."""
        return self.cell.record.dataset.title

    @property
    def model(self) -> str:
        """Title of the model."""
        return self.cell.record.model.title

    @property
    def condition(self) -> str:
        """Title of the condition."""
        return self.cell.record.condition.title

    @functools.cached_property
    def _places(self) -> NDArray[np.intp]:
        return np.searchsorted(self.images.rows, self.cell.rows)

    @functools.cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the images."""
        ids = self.images.ids
        return tuple(ids[place] for place in self._places)

    def read(self, name: str) -> NDArray[Any]:
        """Read one array of the cell, at this eps."""
        return self.cell.array(name, at=self.at)

    def _named(self, prefix: str) -> dict[str, NDArray[Any]]:
        names = [name for name in self.cell.names if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.read(name) for name in names}


@attrs.frozen(eq=False)
class StoredAnswers(_View):
    """The answers of one model under one condition, at one eps; see :class:`shapebias.contracts.Answers`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the data set's classes."""
        return self.images.classes

    def _facts(self, name: str) -> NDArray[np.int64]:
        """Read labels: the condition's own where it changed them, else the data set's."""
        if name in self.cell.names:
            return self.cell.array(name).astype(np.int64)
        facts: NDArray[np.int32] = getattr(self.images, name)
        return facts[self._places].astype(np.int64)

    @functools.cached_property
    def labels(self) -> NDArray[np.int64]:
        """(n,) the classes asked for."""
        return self._facts("labels")

    @functools.cached_property
    def shape_labels(self) -> NDArray[np.int64]:
        """(n,) the shape's class, -1 where unknown."""
        return self._facts("shape_labels")

    @functools.cached_property
    def texture_labels(self) -> NDArray[np.int64]:
        """(n,) the texture's class, -1 where unknown."""
        return self._facts("texture_labels")

    @functools.cached_property
    def prediction(self) -> NDArray[np.int64]:
        """(n,) the answer, -1 where none was given."""
        return self.read("prediction").astype(np.int64)

    @functools.cached_property
    def logits(self) -> NDArray[Any] | None:
        """(n, C) scores in the data set's classes, or None where they were not kept."""
        return self.read("logits") if "logits" in self.cell.names else None

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k best classes of each image, (n, k), best first; ties go to the class that comes first.

        There are fewer columns where fewer classes were kept.
        """
        if self.logits is not None:
            return np.argsort(-self.logits, axis=1, kind="stable")[:, :k].astype(np.int64)
        best = self.read("top_classes") if "top_classes" in self.cell.names else self.prediction[:, None]
        return best[:, :k].astype(np.int64)


@attrs.frozen(eq=False)
class StoredMaps(_View):
    """The maps of one saliency method; see :class:`shapebias.contracts.Maps`."""

    @property
    def saliency(self) -> str:
        """Title of the method."""
        return _title(self.cell.record.saliency) or ""

    @property
    def maps(self) -> NDArray[np.float32]:
        """(n, H, W)."""
        return self.read("maps")

    @property
    def extras(self) -> dict[str, NDArray[Any]]:
        """Per-image arrays that the method gave beside the maps."""
        return self._named("extras/")


@attrs.frozen(eq=False)
class StoredValues(_View):
    """The values of one probe; see :class:`shapebias.contracts.Values`."""

    @property
    def saliency(self) -> str | None:
        """Title of the saliency method, for a probe of maps."""
        return _title(self.cell.record.saliency)

    @property
    def probe(self) -> str:
        """Title of the probe."""
        return _title(self.cell.record.probe) or ""

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """Arrays by name, first axis the image."""
        return self._named("values/")


def _title(component: ComponentRecord | None) -> str | None:
    return None if component is None else component.title


class Results:
    """The results of a study, for reading.

    Args:
        source: the results file, or an open store.

    A selector (``dataset``, ``model``, ``condition``, ...) is a title, or a canonical text; one that is left out must
    not be needed to tell the cells apart.
    """

    def __init__(self, source: str | Path | Store) -> None:
        self.store = source if isinstance(source, Store) else Store(source)
        self._kept: list[object] = []

    def keep_alive(self, thing: object) -> None:
        """Hold on to something, for example a temporary folder, as long as the results live."""
        self._kept.append(thing)

    @property
    def seed(self) -> int:
        """The study's seed, also for resampling."""
        return self.store.header.seed

    @property
    def failures(self) -> list[Failure]:
        """What failed and has not been computed since."""
        return self.store.failures()

    def answers(self) -> list[StoredAnswers]:
        """List the answers of every prediction cell, one entry an eps."""
        return list(self._views(StoredAnswers, saliency=False, probe=False))

    def maps(self) -> list[StoredMaps]:
        """List the maps of every saliency cell, one entry an eps."""
        return list(self._views(StoredMaps, saliency=True, probe=False))

    def values(self) -> list[StoredValues]:
        """List the values of every probe cell, one entry an eps."""
        return list(self._views(StoredValues, saliency=None, probe=True))

    def _views(self, kind: type[Any], *, saliency: bool | None, probe: bool) -> Iterator[Any]:
        datasets = {dataset.record.key: dataset for dataset in self.store.datasets()}
        for cell in in_study_order(self.store):
            record = cell.record
            if (record.probe is not None) != probe or not len(cell.rows):
                continue
            if saliency is not None and (record.saliency is not None) != saliency:
                continue
            images = datasets[record.dataset.key]
            if isinstance(cell.eps, tuple):
                for at, eps in enumerate(cell.eps):
                    yield kind(cell, images, eps, at)
            else:
                yield kind(cell, images, cell.eps)

    def metric(self, metric: str | Any) -> pd.DataFrame:
        """Compute a metric.

        Args:
            metric: its text, for example ``"accuracy:top=1"``, or its settings.

        Returns:
            A tidy table: dataset, model, condition, eps, metric, value, low, high, n, method, ...
        """
        if isinstance(metric, str):
            metric = default_catalog().component("metric", metric).settings
        table: pd.DataFrame = metric(self)
        return table

    def logits(self, **selectors: Any) -> NDArray[Any]:
        """Return the scores of one cell, (n, C).

        Args:
            selectors: ``dataset``, ``model``, ``condition``, ``eps``.

        Raises:
            StoreError: no cell fits, or several do; the candidates are named.
        """
        logits: NDArray[Any] = self._one(self.answers(), selectors).read("logits")
        return logits

    def prediction(self, **selectors: Any) -> NDArray[np.int64]:
        """Return the predicted classes of one cell, (n,); selectors and errors as in :meth:`logits`."""
        prediction: NDArray[np.int64] = self._one(self.answers(), selectors).prediction
        return prediction

    def images(self, **selectors: Any) -> NDArray[Any]:
        """Return the images as the model saw them, (n, 3, H, W), where the study kept them."""
        images: NDArray[Any] = self._one(self.answers(), selectors).read("images")
        return images

    def saliency(self, **selectors: Any) -> NDArray[np.float32]:
        """Return the maps of one cell, (n, H, W); ``method`` selects among saliency methods."""
        maps: NDArray[np.float32] = self._one(self.maps(), selectors).maps
        return maps

    def probe(self, probe: str, **selectors: Any) -> Mapping[str, NDArray[Any]]:
        """Return the arrays of one probe, by name; ``method`` selects among saliency methods."""
        values: Mapping[str, NDArray[Any]] = self._one(self.values(), {"probe": probe, **selectors}).values  # noqa: PD011 - no data frame
        return values

    def _one(self, views: list[Any], selectors: Mapping[str, Any]) -> Any:
        """Find the only view that fits the selectors."""
        roles = {("saliency" if role == "method" else role): wanted for role, wanted in selectors.items()}
        fitting = [view for view in views if all(_fits(view, role, wanted) for role, wanted in roles.items())]
        if len(fitting) == 1:
            return fitting[0]
        candidates = "\n  ".join(_named_view(view) for view in (fitting or views)) or "nothing of this kind"
        asked = ", ".join(f"{role}={wanted!r}" for role, wanted in selectors.items() if wanted is not None)
        what = f"{len(fitting)} cells fit" if fitting else "no cell fits"
        raise StoreError(f"{self.store.path}: {what} {asked or 'without a selector'}; it has\n  {candidates}")

    def cells(self) -> pd.DataFrame:
        """Give an overview: every cell with its number of images, status and seconds."""
        import pandas as pd

        rows = [
            {
                **{role: _title(component) for role, component in cell.record.components().items()},
                "images": len(cell.rows),
                "status": cell.status,
                "seconds": cell.attributes.get("seconds"),
            }
            for cell in in_study_order(self.store)
        ]
        names = ["dataset", "model", "condition", "saliency", "probe", "images", "status", "seconds"]
        return pd.DataFrame(rows, columns=names)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _fits(view: Any, role: str, wanted: Any) -> bool:
    if wanted is None:
        return True
    if role == "eps":
        return view.eps is not None and bool(np.isclose(view.eps, wanted, rtol=1e-9, atol=0))
    component = getattr(view.cell.record, role)
    return component is not None and wanted in (component.title, component.canonical)


def _named_view(view: _View) -> str:
    return view.cell.record.title + (
        f" | eps={spell_scalar(view.eps)}" if view.at is not None and view.eps is not None else ""
    )


def open_store(path: str | Path) -> Results:
    """Open a results file for reading.

    Raises:
        StoreError: there is none, or it is damaged or of a later version.
    """
    return Results(path)
