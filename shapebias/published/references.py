"""Published values as data: measures of people and of models, with their sources.

The tables are in ``resources/references``, one file for each source; the README in that folder names authors and
licences.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import attrs

from shapebias.errors import DataError

__all__ = ["COLUMNS", "Reference", "read_references", "references", "references_on"]

COLUMNS = ("measure", "model", "value", "low", "high", "n", "dataset", "paper", "where")


@attrs.frozen
class Reference:
    """A published value.

    Args:
        measure: the name of a metric, or a metric and its column after a colon, such as
            ``human-consistency:error-consistency``.
        model: the model, ``people``, or one observer.
        value: the value; NaN if the measure is not defined, in which case ``where`` says why.
        low, high: its 95 % interval; NaN if none is published.
        n: the number of images; None if it is not published.
        dataset: the data set.
        paper: authors and year.
        where: the table, figure or file in the paper, and the counts behind the value if they are known.
    """

    measure: str
    model: str
    value: float
    low: float
    high: float
    n: int | None
    dataset: str
    paper: str
    where: str

    @property
    def is_human(self) -> bool:
        """Whether it is the value of people, or of one observer."""
        return self.model == "people" or self.model.startswith("subject-")


@cache
def references(measure: str | None = None) -> tuple[Reference, ...]:
    """Return the published values.

    Args:
        measure: the measure; None returns the values of all measures.

    >>> [reference.value for reference in references("shape-bias") if reference.model == "resnet50 (texture-vs-shape)"]
    [0.2207]
    """
    folder = files("shapebias").joinpath("resources/references")
    tables = sorted(file.name for file in folder.iterdir() if file.name.endswith(".csv"))
    known = [one for name in tables for one in read_references(folder.joinpath(name).read_text(encoding="utf-8"), name)]
    return tuple(one for one in known if measure in (None, one.measure))


def references_on(measure: str, dataset: str) -> tuple[Reference, ...]:
    """Return the published values of a measure on the stimuli of a data set.

    Args:
        measure: the measure.
        dataset: the data set's text; its name, or the name of a set in it, is compared with the published data set.

    >>> len(references_on("shape-bias:cat", "cue-conflict:path=stimuli"))
    1
    >>> references_on("shape-bias", "stimuli:cue=conflict")
    ()
    """
    words = {*dataset.replace("=", ":").replace(",", ":").split(":")}
    return tuple(one for one in references(measure) if one.dataset in words)


def read_references(text: str, name: str) -> tuple[Reference, ...]:
    """Read one table.

    Args:
        text: CSV with the columns of :data:`COLUMNS`; unknown numbers and undefined values are empty.
        name: the file's name, for messages.

    Raises:
        DataError: a column is missing, or a row cannot be read.
    """
    rows = csv.DictReader(text.splitlines())
    if rows.fieldnames is None or tuple(rows.fieldnames) != COLUMNS:
        raise DataError(f"{name}: a table of references has the columns {', '.join(COLUMNS)}")
    return tuple(_reference(row, f"{name}, line {rows.line_num}") for row in rows)


def _reference(row: Mapping[str, str], where: str) -> Reference:
    if None in row or None in row.values():
        raise DataError(f"{where}: does not have one value for each column; quote texts with commas")
    missing = [column for column in ("measure", "model", "dataset", "paper", "where") if not row[column]]
    if missing:
        raise DataError(f"{where}: {', '.join(missing)} must not be empty")
    try:
        value, low, high = (float(row[column] or "nan") for column in ("value", "low", "high"))
        n = int(row["n"]) if row["n"] else None
    except ValueError as error:
        raise DataError(f"{where}: {error}; value, low, high and n are numbers") from None
    if math.isnan(value) and "no value:" not in row["where"]:
        raise DataError(
            f"{where}: the value is empty; give it, or say in 'where' why there is none: 'no value: REASON'"
        )
    if low > value or high < value:
        raise DataError(f"{where}: the value {row['value']} is not within {row['low']} and {row['high']}")
    texts = {column: row[column] for column in ("measure", "model", "dataset", "paper", "where")}
    return Reference(value=value, low=low, high=high, n=n, **texts)
