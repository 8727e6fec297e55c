"""Several results files read as one: a network, its fine-tuned successor and people, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import attrs

from shapebias.plugins.tables import metric_table
from shapebias.reporting.palette import ModelStyle, assign_styles
from shapebias.store import CellRecord, Failure, Results
from shapebias.store.views import StoredAnswers, StoredMaps, StoredValues
from shapebias.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CombinedResults", "is_of", "is_person"]

_PEOPLE = "decisions:subject"  # observers in published tables are called subject-01, subject-02, ...

_View = TypeVar("_View", StoredAnswers, StoredMaps, StoredValues)


class CombinedResults:
    """Several results as one, for metrics, figures and the page.

    A model that is the same in several files keeps its name.  If two files use one name for different models, or both
    have answers of one model to the same images under the same condition, or class scores of one model that are made in
    different ways (``aggregate``, ``mapping``), each gets its file's name: ``net (before)``.

    Args:
        files: the results, in the order in which models are shown.
        studies: only the cells of these studies count, and people's answers to their data sets; none takes all cells.
        most_models: if there are more models, this many are taken, evenly spaced, and people; None takes all.
    """

    def __init__(
        self, files: Sequence[Results], studies: Sequence[Study] = (), *, most_models: int | None = None
    ) -> None:
        self.files = tuple(files)
        self._is_of = is_of(studies) if studies else lambda _: True
        self._taken, self.left_out = _taken_models(self.files, most_models)
        views = [(results.answers(), results.maps(), results.values()) for results in self.files]
        self._ambiguous = _ambiguous_models([*answers, *maps, *values] for answers, maps, values in views)
        self._titles = _file_titles([results.store.path for results in self.files])
        # Kept, because every metric reads the same arrays again.
        self._answers = self._renamed(answers for answers, _, _ in views)
        self._maps = self._renamed(maps for _, maps, _ in views)
        self._tables: dict[str, pd.DataFrame] = {}
        self._values = self._renamed(values for _, _, values in views)

    @property
    def seed(self) -> int:
        """The seed of the first file."""
        return self.files[0].seed

    @property
    def failures(self) -> list[Failure]:
        """The failures of all files."""
        return [each for results in self.files for each in results.failures if self._counts(each.record)]

    def answers(self) -> list[StoredAnswers]:
        """List the answers of every file, under the models' joined names."""
        return [*self._answers]

    def maps(self) -> list[StoredMaps]:
        """List the maps of every file, under the models' joined names."""
        return [*self._maps]

    def values(self) -> list[StoredValues]:
        """List the values of the probes of every file, under the models' joined names."""
        return [*self._values]

    def cells(self) -> pd.DataFrame:
        """Return the overview of every file's cells, under the models' joined names."""
        import pandas as pd

        tables = [results.cells() for results in self.files]
        for position, table in enumerate(tables):
            table["model"] = [self.name(position, model) for model in table["model"]]
        return pd.concat(tables, ignore_index=True)

    def metric(self, text: str) -> pd.DataFrame:
        """Compute a metric over all files, once; see :meth:`shapebias.Results.metric`."""
        if text not in self._tables:
            self._tables[text] = metric_table(text, self)
        return self._tables[text].copy()

    @property
    def models(self) -> list[str]:
        """The models' names, in the order in which they are shown."""
        return list(dict.fromkeys(view.model for view in (*self.answers(), *self.maps())))

    @property
    def people(self) -> set[str]:
        """The models that are people."""
        return {view.model for view in self.answers() if is_person(view.cell.record)}

    @property
    def model_styles(self) -> dict[str, ModelStyle]:
        """The style of each model, in the order in which models are shown."""
        return assign_styles(self.models, self.people)

    def name(self, position: int, model: str) -> str:
        """Return the joined name of a model of the file at a position."""
        return f"{model} ({self._titles[position]})" if model in self._ambiguous else model

    def _counts(self, record: CellRecord) -> bool:
        return (self._taken is None or record.model.key in self._taken or is_person(record)) and self._is_of(record)

    def _renamed(self, files: Iterable[Iterable[_View]]) -> list[_View]:
        return [
            attrs.evolve(view, names={**view.names, "model": self.name(position, view.model)})
            for position, views in enumerate(files)
            for view in views
            if self._counts(view.cell.record)
        ]


def _taken_models(files: Iterable[Results], most: int | None) -> tuple[set[str] | None, int]:
    """Choose models by their keys, and count those that are left out."""
    records = [cell.record for results in files for cell in results.store.cells()]
    keys = [*dict.fromkeys(record.model.key for record in records if not is_person(record))]
    if most is None or len(keys) <= most:
        return None, 0
    return {keys[position * len(keys) // most] for position in range(most)}, len(keys) - most


def is_person(record: CellRecord) -> bool:
    """Return whether the answers of a cell are those of a person: an observer in published tables."""
    return record.model.canonical.startswith(_PEOPLE)


def is_of(studies: Iterable[Study]) -> Callable[[CellRecord], bool]:
    """Return a function that tells whether a cell is of one of the studies, or has people's answers to its images."""
    cells = {cell.texts for study in studies for cell in study.cells()}
    shown = {(dataset, condition) for dataset, _, condition, *_ in cells}

    def counts(record: CellRecord) -> bool:
        is_shown = (record.dataset.canonical, record.condition.canonical) in shown
        return record.texts in cells or (is_person(record) and is_shown)

    return counts


def _ambiguous_models(files: Iterable[Sequence[StoredAnswers | StoredMaps | StoredValues]]) -> set[str]:
    """Find the names of several models, or of a model with several answers to a cell, or several kinds of scores."""
    keys: dict[str, set[str]] = {}
    scorings: dict[tuple[str, str], set[tuple[str, str]]] = {}
    asked: Counter[tuple[str, str]] = Counter()
    for views in files:
        for view in views:
            record = view.cell.record
            keys.setdefault(view.model, set()).add(record.model.key)
            scorings.setdefault((view.model, view.dataset), set()).add(record.scoring)
        asked.update({(view.model, view.name) for view in views})
    twice = {model for (model, _), count in asked.items() if count > 1}
    scored = {model for (model, _), ways in scorings.items() if len(ways) > 1}
    return twice | scored | {model for model, models in keys.items() if len(models) > 1}


def _file_titles(paths: Sequence[Path]) -> list[str]:
    """Return short names that distinguish the files: the stem, or the path if two files have the same stem."""
    stems = Counter(path.stem for path in paths)
    return [path.stem if stems[path.stem] == 1 else str(path) for path in paths]
