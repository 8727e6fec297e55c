"""Answers of a study in the tables of model-vs-human."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from shapebias.errors import DataError, StoreError
from shapebias.files import write_atomically
from shapebias.interop.tables import COLUMNS
from shapebias.published.image_names import CLEAN, read_image_name
from shapebias.store.results import Results
from shapebias.store.views import StoredAnswers

__all__ = ["export_decisions"]


def export_decisions(results: Results, folder: str | Path) -> list[Path]:
    """Write the answers of every model as tables that model-vs-human and :func:`import_decisions` read.

    Args:
        results: the results.
        folder: where to; one table for each data set and model, with all conditions.

    Raises:
        DataError: there are no answers to images with labels.
        StoreError: a table of that name is there already.
    """
    tables: dict[tuple[str, str], list[StoredAnswers]] = {}
    for answers in results.answers():
        if (answers.labels >= 0).any():
            tables.setdefault((answers.dataset, answers.model), []).append(answers)
    if not tables:
        raise DataError(f"{results.store.path} has no answers to images with labels; there is nothing to export")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for (dataset, model), cells in tables.items():
        path = folder / f"{_plain(dataset)}_{_plain(model)}_session_1.csv"
        if path.exists():
            raise StoreError(
                f"{path} exists already, or two models have names that look like this; choose another folder"
            )
        write_atomically(path, _table(_plain(model), cells).encode())
        written.append(path)
    return written


def _table(observer: str, cells: Sequence[StoredAnswers]) -> str:
    lines = [",".join(COLUMNS)]
    for answers in cells:
        cell = answers.condition if answers.eps is None else f"{answers.condition} at {answers.eps:.6g}"
        for image, label, prediction in zip(answers.ids, answers.labels, answers.prediction, strict=True):
            name = read_image_name(image)
            # A stimulus that was changed before the study has its condition in its name.
            condition = name.condition or CLEAN if cell == CLEAN else cell
            condition = "0" if condition == CLEAN else condition
            category = answers.classes[label] if label >= 0 else "na"
            response = answers.classes[prediction] if prediction >= 0 else "na"
            number = len(lines)
            file = f"{number:04}_sb_{observer}_{_plain(condition)}_{_plain(category)}_00_{name.picture}"
            values = (observer, str(name.presentation), str(number), "NaN", response, category, condition, file)
            lines.append(",".join(map(_quoted, values)))
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Keep the characters that are safe in a file's name and between underscores."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", text).strip("-.") or "unnamed"


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if re.search(r'[",\n]', value) else value
