"""People's published answers to the images of a suite, paired with those of the models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shapebias.errors import DataError, StoreError
from shapebias.fetching import local_data
from shapebias.interop import import_decisions
from shapebias.plugins.catalog import Component
from shapebias.plugins.data_sources import sources
from shapebias.store import Results

__all__ = ["SOURCE", "import_people"]

SOURCE = "human-answers"


def import_people(sets: Sequence[str], datasets: Sequence[Component], beside: Path, output: Path) -> Results:
    """Make a results file of people's answers to the images of some data sets.

    Args:
        sets: the sets of stimuli, by their folders in the source ``human-answers``.
        datasets: the data sets, which are in ``beside``.
        beside: the results of the models.
        output: the file to write.

    Raises:
        DataError: the answers are missing and cannot be fetched, or cannot be read.
        StoreError: the answers are to other images.
    """
    folder = local_data(sources()[SOURCE]).folder
    here = [folder / name for name in sets if (folder / name).is_dir()]
    if not here:
        raise DataError(f"{folder} has no answers to {', '.join(sets)}; run 'shapebias fetch {SOURCE}'")
    taken = import_decisions(here, output, beside=beside, dataset=[dataset.canonical for dataset in datasets])
    if not taken:
        raise StoreError(f"the answers in {folder} are to other images")
    return Results(output)
