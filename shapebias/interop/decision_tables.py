"""Published tables of answers, one row per trial.

There are two formats, distinguished by their header, in which case and order do not matter:

- people and networks of model-vs-human (Geirhos et al. 2021, "Partial success in closing the gap between human and
  machine vision"): ``subj, session, trial, rt, object_response, category, condition, imagename``;
- vision-language models (Gavrikov et al. 2025, "Can we talk models into seeing the world differently?"): ``image,
  response, pred_label``, where the response is what the model wrote and ``pred_label`` the class that it means.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from shapebias.errors import DataError
from shapebias.files import fingerprint
from shapebias.paths import why_unusable
from shapebias.published.human_sets import CLEAN, condition_name
from shapebias.published.image_names import ImageName, cue_words, read_image_name

__all__ = ["COLUMNS", "CUE_CONFLICT", "DecisionTable", "Trial", "read_tables"]

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
CUE_CONFLICT = "cue-conflict"

_NEEDED = tuple(name for name in COLUMNS if name != "rt")
_LANGUAGE = ("image", "pred_label")
_NO_ANSWER = {"", "na", "nan", "none"}


@attrs.frozen
class Trial:
    """One answer.

    Args:
        observer: the person or model that answered.
        condition: how the image was changed, as :func:`shapebias.published.image_names.condition_name` writes it.
        name: the image.
        category: its class; None if the table does not give it.
        response: the answered class; None for no answer.
        session, number: the session and the trial in which it was shown.
        where: file and line, for messages.
    """

    observer: str
    condition: str
    name: ImageName
    category: str | None
    response: str | None
    session: str
    number: str
    where: str


@attrs.frozen
class DecisionTable:
    """One file.

    Args:
        file: the file.
        stimuli: the name of the set of stimuli.
        trials: the answers, in the order of the file.
        fingerprint: the SHA-256 of the file.
    """

    file: Path
    stimuli: str
    trials: tuple[Trial, ...]
    fingerprint: str


def read_tables(given: Iterable[str | Path]) -> list[DecisionTable]:
    """Read tables of answers.

    Args:
        given: CSV files, or folders with CSV files at any depth.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    paths = [Path(path) for path in given]
    files = [file for path in paths for file in (sorted(path.rglob("*.csv")) if path.is_dir() else [path])]
    if not files:
        raise DataError("no CSV files were found; give the folder of the published tables, or the files")
    return [_read(file) for file in files]


def _read(file: Path) -> DecisionTable:
    if problem := why_unusable(file):
        raise DataError(f"{file} is {problem}; give a table, or a folder of them")
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            trials = tuple(_trials(file, csv.DictReader(stream)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read as a table of decisions: {error}") from error
    return DecisionTable(file, _stimuli(file, trials), trials, fingerprint(file))


def _trials(file: Path, rows: csv.DictReader[str]) -> Iterator[Trial]:
    header = [name.strip().lower() for name in rows.fieldnames or ()]
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise DataError(f"{file} has several columns {', '.join(sorted(twice))}; keep one of each")
    read = _language_model if set(header) >= set(_LANGUAGE) else _observer
    lacking = [name for name in _NEEDED if name not in header]
    if read is _observer and lacking:
        raise DataError(
            f"{file} has no column {', '.join(lacking)}; a table of decisions has {', '.join(COLUMNS)}, or "
            "image, response, pred_label"
        )
    rows.fieldnames = header
    for row in rows:
        where = f"{file}, line {rows.line_num}"
        if None in row or None in row.values():
            amount = "more" if None in row else "fewer"
            raise DataError(f"{where}: has {amount} values than columns; repair the table")
        yield read({name: value.strip() for name, value in row.items()}, file, rows.line_num, where)


def _observer(row: Mapping[str, str], _: Path, __: int, where: str) -> Trial:
    """Read a row of model-vs-human."""
    name = read_image_name(row["imagename"])
    condition = condition_name(row["condition"])
    answer, times = _answer(row["object_response"]), (row["session"], row["trial"])
    return Trial(row["subj"], condition, name, row["category"] or None, answer, *times, where)


def _language_model(row: Mapping[str, str], file: Path, line: int, where: str) -> Trial:
    """Read a row of a vision-language model, which is named by its file."""
    name = read_image_name(row["image"])
    cues = cue_words(name.picture)
    category = name.category or (cues[0] if cues else None)
    return Trial(file.stem, name.condition or CLEAN, name, category, _answer(row["pred_label"]), "1", str(line), where)


def _answer(text: str) -> str | None:
    return None if text.lower() in _NO_ANSWER else text


def _stimuli(file: Path, trials: tuple[Trial, ...]) -> str:
    """Name the set of stimuli.

    Names such as ``cat7-elephant1.png`` mean cue conflict, whatever the file is called.  Otherwise the name of the file
    gives the set, as in ``sketch_subject-01_session_1.csv``, or else that of its folder.
    """
    if trials and all(cue_words(trial.name.picture) for trial in trials):
        return CUE_CONFLICT
    experiment, session, _ = _spelled(file.stem).partition("_session_")
    for observer in {_spelled(trial.observer) for trial in trials} if session else ():
        if experiment.endswith(f"_{observer}"):
            plain = file.stem[: len(experiment) - len(observer) - 1]
            return plain.removesuffix("-experiment")
    return file.resolve().parent.name or "decisions"


def _spelled(text: str) -> str:
    """Normalise separators: an observer is ``resnet50-a`` in a table and ``resnet50_a`` in its file's name."""
    return re.sub(r"[-. ]", "_", text)
