"""Write the answers of a study as tables of model-vs-human."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from shapebias.errors import DataError, StoreError
from shapebias.files import write_atomically
from shapebias.interop.decision_tables import COLUMNS
from shapebias.published.human_sets import CLEAN
from shapebias.published.image_names import read_image_name
from shapebias.store.os_errors import translate_os_errors
from shapebias.store.results import Results
from shapebias.store.views import StoredAnswers

__all__ = ["export_decisions"]


def export_decisions(results: Results, folder: str | Path) -> list[Path]:
    """Write the answers of every model as tables that model-vs-human and :func:`import_decisions` read.

    Args:
        results: the results.
        folder: the folder to write to; one table is written for each data set and model, with all conditions.

    Returns:
        The paths of the tables.

    Raises:
        DataError: there are no answers to images with labels.
        StoreError: a table of that name exists, or the folder cannot be written.
    """
    tables: dict[tuple[str, str], list[StoredAnswers]] = {}
    for answers in results.answers():
        if (answers.labels >= 0).any():
            tables.setdefault((answers.dataset, answers.model), []).append(answers)
    if not tables:
        raise DataError(f"{results.store.path} has no answers to images with labels; there is nothing to export")
    folder = Path(folder)
    with translate_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for (dataset, model), cells in tables.items():
        path = folder / f"{_plain(dataset)}_{_plain(model)}_session_1.csv"
        if path.exists():
            raise StoreError(f"{path} exists already, or is the table of two models; choose another folder")
        with translate_os_errors(path):
            write_atomically(path, _table(_plain(model), cells).encode())
        written.append(path)
    return written


def _table(observer: str, cells: Sequence[StoredAnswers]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(observer, cells))
    return text.getvalue()


def _rows(observer: str, cells: Sequence[StoredAnswers]) -> Iterator[tuple[str, ...]]:
    number = 0
    for answers in cells:
        cell = answers.condition if answers.eps is None else f"{answers.condition} at {answers.eps:.6g}"
        for image, label, prediction in zip(answers.ids, answers.labels, answers.prediction, strict=True):
            name = read_image_name(image)
            # The name of a stimulus that was changed before the study contains its condition.
            condition = name.condition or CLEAN if cell == CLEAN else cell
            condition = "0" if condition == CLEAN else condition
            category = answers.classes[label] if label >= 0 else "na"
            response = answers.classes[prediction] if prediction >= 0 else "na"
            number += 1
            file = f"{number:04}_sb_{observer}_{_plain(condition)}_{_plain(category)}_00_{name.picture}"
            yield (observer, str(name.presentation), str(number), "NaN", response, category, condition, file)


def _plain(text: str) -> str:
    """Replace characters that are not safe in a file name or between underscores."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", text).strip("-.") or "unnamed"
