"""Profile a model: run suites, and compare the numbers with people and published models."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from shapebias import engine
from shapebias.errors import DataError, StoreError
from shapebias.paths import as_path
from shapebias.profiling.choice import DEFAULT_SUITE, PlannedSuite, chosen_models, chosen_suites
from shapebias.profiling.people import SOURCE, import_people
from shapebias.profiling.table import SuiteResults, headline, rows_in_words, sentences
from shapebias.reporting.combined import CombinedResults
from shapebias.reporting.page import IMAGES, LeadTable, write_page
from shapebias.store import Failure, Results

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from shapebias.networks.classifier import Classifier

__all__ = ["Profile", "profile"]


@attrs.frozen(eq=False)
class Profile:
    """The results of models in standard protocols, compared with people and published models.

    Args:
        table: one row for each suite, measure and model: ``suite``, ``measure``, ``model``, ``value``, ``low``,
            ``high``, ``n``, ``counts``; ``people``, ``people_low``, ``people_high`` and ``people_source``; one column
            for each published model; ``rank``, 1 for the largest value, among ``ranked`` values, the published ones
            and this one; and, with a model to compare with, ``against``, ``against_value``, ``difference``,
            ``difference_low``, ``difference_high`` and ``p``.
        notes: sentences about the basis of the numbers.
        results: all answers of the models.
        failures: the failed cells of these suites.
        failed_suites: why a suite has no rows in the table, by its text.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    results: Results
    failures: tuple[Failure, ...]
    failed_suites: Mapping[str, str]
    _combined: CombinedResults = attrs.field(repr=False)

    def in_words(self) -> tuple[list[str], list[list[str]]]:
        """Return the table for display: its headings, and its rows as text."""
        return rows_in_words(self.table)

    def report(self, path: str | Path, *, images: int = IMAGES, title: str | None = None) -> Path:
        """Write the page of these results, with the table on top.

        Args:
            path, images, title: as in :func:`shapebias.report`.

        Returns:
            The path of the page.

        Raises:
            FigureError: there are no answers to show, or the file cannot be written.
        """
        columns, rows = self.in_words()
        lead = LeadTable("Beside people and published models", columns, rows, list(self.notes))
        models = ", ".join(dict.fromkeys(self.table["model"]))
        return write_page(self._combined, path, images=images, title=title or f"Profile: {models}", lead=lead)


def profile(
    model: str | nn.Module | Classifier | Any,
    suites: Any = DEFAULT_SUITE,
    *,
    output: str | Path | None = None,
    against: Any = None,
    name: str = "model",
    limit: int | None = None,
    **options: Any,
) -> Profile:
    """Profile models: run suites, and compare the numbers with people and with published models.

    Args:
        model: one model or several, as the ``models`` of :class:`shapebias.Study`; or one live network.
        suites: names such as ``"cue-conflict"``, with settings if needed, or settings built in Python.
        output: the results file; an existing one is continued.  None keeps no file.
        against: a model to compare the others with, image by image; None by default.
        name: the name of a live network in tables.
        limit: the most images of each data set; None takes all.
        options: as in :func:`shapebias.run`: ``device``, ``batch_size``, ``replace``, ``progress``, ...

    Returns:
        The profile.

    Raises:
        ShapebiasError: a text is wrong, data cannot be fetched, or the results file cannot be continued.
        PluginError: a suite has no study, or no suite could compute its numbers.

    >>> import shapebias as sb
    >>> found = sb.profile("planted:reliance=1", "quick:images=56", limit=24)
    >>> float(found.table.set_index("measure").value["shape bias"])
    1.0
    """
    models, other = chosen_models(model, against, name)
    asked = (*models, other) if other is not None else models
    planned = [PlannedSuite.of(suite, asked, limit) for suite in chosen_suites(suites)]
    studies = [suite.study for suite in planned]
    folder = tempfile.TemporaryDirectory(prefix="shapebias-")
    path = Path(folder.name) / "profile.h5" if output is None else as_path(output)
    for study in studies:
        engine.run(study, path, **options).close()
    results = Results(path)
    results.keep_alive(folder)
    people, notes = _people(planned, path, Path(folder.name))
    combined = CombinedResults([results, *people.values()], studies=studies)
    parts = [SuiteResults(suite, combined, models, other) for suite in planned]
    table, failed = headline(parts)
    if len(failed) == len(parts):
        raise next(iter(failed.values()))
    why = {suite: str(error) for suite, error in failed.items()}
    return Profile(table, (*sentences(table, parts), *notes), results, tuple(combined.failures), why, combined)


def _people(suites: Sequence[PlannedSuite], path: Path, folder: Path) -> tuple[dict[str, Results], list[str]]:
    """Import people's answers to the images of each suite; if this fails, the profile has only published values."""
    found, notes = {}, []
    for suite in suites:
        if not suite.human_answers:
            continue
        name = suite.component.name
        try:
            found[name] = import_people(suite.human_answers, suite.study.datasets, path, folder / f"people-{name}.h5")
        except (DataError, StoreError) as error:
            why = str(error).partition("\n")[0]
            left_out = f"{suite.component.text}: people's answers are left out: {why}"
            notes.append(f"{left_out}; 'shapebias fetch {SOURCE}' says how to add them")
    return found, notes
