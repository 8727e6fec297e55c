"""The results of a study: answers, maps, values and metrics, selected by the names of components."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import SpellingError, StoreError, suggestion
from shapebias.plugins.catalog import default_catalog
from shapebias.plugins.tables import metric_table
from shapebias.store.layout import ROLES
from shapebias.store.ordering import cells_in_study_order
from shapebias.store.reader import Store
from shapebias.store.records import ComponentRecord
from shapebias.store.selection import select
from shapebias.store.stored import Failure, StoredCell
from shapebias.store.views import StoredAnswers, StoredMaps, StoredValues, indexed_eps

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    Metric: TypeAlias = Callable[["Results"], pd.DataFrame]

__all__ = ["Results", "open_store"]

_View = TypeVar("_View", StoredAnswers, StoredMaps, StoredValues)


class Results:
    """The results of a study, as :func:`shapebias.run` and :func:`shapebias.open` return them.

    A component is given by its title (your label, or the short text), by any text that identifies it
    (``"pgd:eps=8/255"``), or by the canonical text.  A component that is left out must be the only one of its kind.

    Args:
        store: a store, or its path.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(self, store: str | Path | Store) -> None:
        self.store = store if isinstance(store, Store) else Store(store)
        self._kept_alive: list[object] = []

    def __repr__(self) -> str:
        records = [cell.record for cell in self.store.cells()]
        words = {"dataset": "data set", "model": "model", "condition": "condition"}
        counts = {word: len({getattr(record, role).key for record in records}) for role, word in words.items()}
        said = ", ".join(f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items())
        return f"<Results of {self.store.path}: {said}>"

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.store.header.seed

    @property
    def failures(self) -> list[Failure]:
        """Failures that have not been computed since, each with its traceback."""
        return self.store.failures()

    def answers(self) -> list[StoredAnswers]:
        """List the answers of every prediction cell, one entry per eps, in the order of the study."""
        return list(self._views(StoredAnswers, saliency=False, probe=False))

    def maps(self) -> list[StoredMaps]:
        """List the maps of every saliency cell, one entry per eps, in the order of the study."""
        return list(self._views(StoredMaps, saliency=True, probe=False))

    def values(self) -> list[StoredValues]:
        """List the values of every probe cell, one entry per eps, in the order of the study."""
        return list(self._views(StoredValues, saliency=None, probe=True))

    def _views(self, view: type[_View], *, saliency: bool | None, probe: bool) -> Iterator[_View]:
        """Yield the cells of one kind; if some images of a cell failed, the others are kept."""
        datasets = {dataset.record.key: dataset for dataset in self.store.datasets()}
        names = self._names()
        for cell in cells_in_study_order(self.store):
            record = cell.record
            other_kind = (record.probe is not None) != probe or saliency not in (None, record.saliency is not None)
            if other_kind or not len(cell.rows):
                continue
            if record.dataset.key not in datasets:
                raise StoreError(f"{self.store.path}: {cell.name}: its data set is missing; see 'shapebias verify'")
            for eps, eps_index in indexed_eps(cell):
                yield view(cell, datasets[record.dataset.key], _component_names(cell, names), eps, eps_index)

    def _names(self) -> dict[str, str]:
        """Choose the name of each component in tables, by its key: its title, or a longer text if titles are equal."""
        names: dict[str, str] = {}
        for role in ROLES:
            records = [cell.record.components()[role] for cell in self.store.cells()]
            components = {component.key: component for component in records if component is not None}
            for spell in (_title, _canonical, _with_key):
                unclear = [component for key, component in components.items() if key not in names]
                counts = Counter(spell(component) for component in components.values())
                names |= {component.key: spell(component) for component in unclear if counts[spell(component)] == 1}
        return names

    def metric(self, metric: str | Metric, **settings: Any) -> pd.DataFrame:
        """Compute a metric.

        Args:
            metric: its name or text, for example ``"accuracy"`` or ``"accuracy:top=5"``; or its settings object.
            settings: parameters of the metric, in addition to those of the text.

        Returns:
            A tidy table with one row for each number: its components, interval and n.

        Raises:
            UnknownNameError: no metric has this name.
            SpellingError: the metric has no such parameter, or a value is wrong.
            PluginError: the metric failed, or did not return a tidy table.
        """
        name = metric if isinstance(metric, str) else ""
        if settings:
            if isinstance(metric, str):
                metric = cast("Metric", default_catalog().component("metric", metric).settings)
            metric = _with(metric, settings)
        return metric_table(metric, self, name)

    def logits(
        self,
        dataset: str | None = None,
        model: str | None = None,
        condition: str | None = None,
        eps: float | None = None,
    ) -> NDArray[np.float32]:
        """Return the scores of one model, (n, C).

        Args:
            dataset, model, condition: the components, see the class; None takes the only one.
            eps: one of the attack's eps; None takes the only one.

        Raises:
            StoreError: no cell or several cells match, or the scores were not kept.
        """
        return self._answers(dataset, model, condition, eps).array("logits")

    def prediction(
        self,
        dataset: str | None = None,
        model: str | None = None,
        condition: str | None = None,
        eps: float | None = None,
    ) -> NDArray[np.int64]:
        """Return the classes that one model answered, (n,); arguments as in :meth:`logits`."""
        return self._answers(dataset, model, condition, eps).prediction.copy()

    def images(
        self,
        dataset: str | None = None,
        model: str | None = None,
        condition: str | None = None,
        eps: float | None = None,
    ) -> NDArray[Any]:
        """Return the images that the model got, if the study kept them; arguments as in :meth:`logits`."""
        return self._answers(dataset, model, condition, eps).array("images")

    def saliency(
        self,
        dataset: str | None = None,
        model: str | None = None,
        condition: str | None = None,
        method: str | None = None,
        eps: float | None = None,
    ) -> NDArray[np.float32]:
        """Return the maps of one saliency method, (n, H, W); arguments as in :meth:`logits`, and the method."""
        wanted = {"dataset": dataset, "model": model, "condition": condition, "saliency": method}
        return select("maps", _with_eps(eps, self.maps()), wanted).maps

    def probe(
        self,
        probe: str | None = None,
        dataset: str | None = None,
        model: str | None = None,
        condition: str | None = None,
        method: str | None = None,
        eps: float | None = None,
    ) -> Mapping[str, NDArray[Any]]:
        """Return the arrays of one probe by name; arguments as in :meth:`saliency`, and the probe."""
        wanted = {"dataset": dataset, "model": model, "condition": condition, "probe": probe, "saliency": method}
        return select("probes", _with_eps(eps, self.values()), wanted).values  # noqa: PD011 - no data frame

    def _answers(
        self, dataset: str | None, model: str | None, condition: str | None, eps: float | None
    ) -> StoredAnswers:
        wanted = {"dataset": dataset, "model": model, "condition": condition}
        return select("answers", _with_eps(eps, self.answers()), wanted)

    def cells(self) -> pd.DataFrame:
        """Return a table with one row per cell: its components, number of images, status and seconds."""
        import pandas as pd

        names = self._names()
        rows = [
            {
                **_component_names(cell, names),
                "images": len(cell.rows),
                "status": cell.status,
                "seconds": cell.attributes.get("seconds"),
            }
            for cell in cells_in_study_order(self.store)
        ]
        return pd.DataFrame(rows, columns=[*ROLES, "images", "status", "seconds"]).astype({"seconds": float})

    def frame(self) -> pd.DataFrame:
        """Return a table of all answers, one row for each image and cell.

        Returns:
            Columns ``dataset``, ``model``, ``condition``, ``eps``, ``image`` (its id), ``label``, ``shape``,
            ``texture``, ``prediction`` (names of classes, None where unknown), ``probability`` (softmax of the scores
            at the answered class, NaN where scores were not kept) and ``right`` (missing where the label is unknown).
        """
        from shapebias.store.display import answers_frame

        return answers_frame(self.answers())

    def show(self, image: str | int, dataset: str | None = None) -> Figure:
        """Draw one image under every condition, with the answers of every model and the saliency maps.

        If the study did not keep images (``keep_images``), a thumbnail of the unchanged image is shown.

        Args:
            image: its id, or its position among the images of the results.
            dataset: the data set; None takes the only one.

        Returns:
            A figure of matplotlib.

        Raises:
            StoreError: there is no such image, or no model has an answer to it.
        """
        from shapebias.store.display import show_image

        return show_image(self.answers(), self.maps(), image, dataset)

    def thumbnails(self, dataset: str | None = None, images: int = 40) -> Figure:
        """Draw thumbnails of some images of a data set, evenly spaced, each with its label.

        Args:
            dataset: the data set; None takes the only one.
            images: the most images.

        Returns:
            A figure of matplotlib.

        Raises:
            StoreError: there is no such data set, or it has no thumbnails.
        """
        from shapebias.store.display import show_thumbnails

        return show_thumbnails(self.answers(), dataset, images)

    def _repr_html_(self) -> str:
        from shapebias.store.display import html

        headline = None
        if self.answers():
            headline = self.metric("headline")
            if headline.empty:
                headline = self.metric("accuracy:top=1")
        return html(self.store.path, self.cells(), headline, self.failures)

    def refresh(self) -> None:
        """Read the store again, to see the results of a run that is still writing."""
        self.store.refresh()

    def keep_alive(self, owner: object) -> None:
        """Keep a reference to ``owner``, such as the temporary folder of the store, as long as these results exist."""
        self._kept_alive.append(owner)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(path: str | Path) -> Results:
    """Open the results of a study that has finished or is still running.

    Args:
        path: the results file, for example ``"run.h5"``.

    Returns:
        The results; the file stays open until they are closed.

    Raises:
        StoreError: there is no store, or it cannot be read.

    >>> import tempfile, shapebias as sb
    >>> path = Path(tempfile.mkdtemp(), "run.h5")
    >>> sb.run(sb.Study("stimuli:images=8,size=16", "planted:reliance=1"), path, device="cpu").close()
    >>> with sb.open(path) as results:
    ...     results.cells()["images"].tolist()
    [8]
    """
    return Results(path)


def _with(metric: Metric, settings: Mapping[str, Any]) -> Metric:
    known = [field.name for field in attrs.fields(type(metric))]  # type: ignore[arg-type]
    for name in settings.keys() - set(known):
        what = type(metric).__name__
        raise SpellingError(f"{what}: {name}: unknown parameter{suggestion(name, known)}; known: {', '.join(known)}")
    return attrs.evolve(metric, **settings)  # type: ignore[misc]


def _title(component: ComponentRecord) -> str:
    return component.title or component.canonical


def _canonical(component: ComponentRecord) -> str:
    return component.canonical


def _with_key(component: ComponentRecord) -> str:
    return f"{component.canonical} ({component.key[:8]})"


def _component_names(cell: StoredCell, names: Mapping[str, str]) -> dict[str, str | None]:
    components = cell.record.components().items()
    return {role: None if component is None else names[component.key] for role, component in components}


def _with_eps(eps: float | None, views: list[_View]) -> list[_View]:
    """Keep the views of one eps; None keeps all."""
    if eps is None:
        return views
    found = [view for view in views if view.eps is not None and math.isclose(view.eps, eps, rel_tol=1e-6)]
    if not found:
        known = sorted({view.eps for view in views if view.eps is not None})
        raise StoreError(
            f"nothing was computed at eps={eps:g}; there are {', '.join(f'{each:g}' for each in known) or 'none'}"
        )
    return found
