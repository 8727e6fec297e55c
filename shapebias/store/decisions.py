"""Answers of people and of published models, in the tables that model-vs-human publishes: from and to a store.

A table has one row a trial and the columns ``subj, session, trial, rt, object_response, category, condition,
imagename``; ``na`` is no answer.  Geirhos et al. 2021, "Partial success in closing the gap between human and machine
vision".
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import attrs
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import DataError, StoreError, listed, suggestion
from shapebias.files import fingerprint, write_atomically
from shapebias.labels import entry_level_classes
from shapebias.paths import as_path
from shapebias.store.answers import StoredAnswers
from shapebias.store.reader import Store
from shapebias.store.records import CellRecord, ComponentRecord, DatasetPart, Header, Part, Scalar
from shapebias.store.results import Results
from shapebias.store.stored import StoredDataset
from shapebias.store.writer import Writer

__all__ = ["export_decisions", "import_decisions"]

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")

_NO_ANSWER = {"", "na", "nan"}
_UNCHANGED = {"", "0", "clean", "na", "nan", "no-manipulation"}
_PART_IMAGES = 2048


@attrs.frozen
class _Trial:
    """One answer.

    Args:
        category, stimulus: the picture's class, and its file.
        response: the class answered, None for no answer.
        where: file and line, for messages.
    """

    category: str
    stimulus: str
    response: str | None
    where: str

    @property
    def id(self) -> str:
        """The picture's id in the data set ``cue-conflict``."""
        return f"{self.category}/{self.stimulus}"

    @property
    def texture(self) -> str | None:
        """The second word of ``cat7-elephant1.png``."""
        named = re.fullmatch(r".+-(.+?)\d*", PurePosixPath(self.stimulus).stem)
        return named[1] if named else None


@attrs.define
class _Session:
    """What one observer answered under one condition."""

    observer: str
    condition: str
    trials: list[_Trial] = attrs.field(factory=list)
    files: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class _Pictures:
    """The data set that the answers belong to: its record, and where each image is in it."""

    record: ComponentRecord
    classes: tuple[str, ...]
    rows: dict[str, int]
    part: DatasetPart

    def row(self, trial: _Trial) -> int | None:
        """Find the picture of a trial, by ``category/file`` or by the file alone; None where it is not here."""
        return self.rows.get(trial.id, self.rows.get(trial.stimulus))

    def index(self, trial: _Trial) -> int:
        """Return the class answered, -1 for no answer."""
        if trial.response is None:
            return -1
        if trial.response not in self.classes:
            hint = suggestion(trial.response, self.classes)
            raise DataError(
                f"{trial.where}: the answer {trial.response!r} is no class of {self.record.title}{hint}; its classes "
                f"are {', '.join(self.classes)}, and 'na' is no answer"
            )
        return self.classes.index(trial.response)


def import_decisions(
    tables: Iterable[str | Path], output: str | Path, *, beside: str | Path | None = None, dataset: str | None = None
) -> Counter[str]:
    """Make a store of the answers in published tables; each observer is a model.

    Args:
        tables: CSV files, or folders with CSV files at any depth.
        output: the store, which does not exist yet.
        beside: a store whose data set has these pictures: the answers are those to its images, so that observers and
            models are paired, and the two stores can be merged.  Without it the data set is what the tables say of it.
        dataset: which data set of ``beside``, by its title; needed where several have some of the pictures.

    Returns:
        How many answers were taken of each observer.

    Raises:
        DataError: a table cannot be read, answers a picture twice, or names a class that is none.
        StoreError: ``beside`` has none of the pictures, or the output exists.
    """
    output = as_path(output)
    if output.exists():
        raise StoreError(f"{output} exists already; choose another output")
    sessions = _read(tables)
    header = Header("", 0, {"shapebias": version("shapebias")})
    if beside is None:
        pictures = _described(sessions)
    else:
        with Store(beside) as store:
            pictures = _found(sessions, store, dataset)
            header = attrs.evolve(header, seed=store.header.seed)
    taken: Counter[str] = Counter()
    with Writer(output, header) as writer:
        writer.write_dataset(pictures.part)
        for session in sessions:
            for part in _parts(session, pictures):
                writer.write(part)
                taken[session.observer] += len(part.rows)
        writer.pack()
    return taken


def _read(tables: Iterable[str | Path]) -> list[_Session]:
    """Read every table, and sort the trials by observer and condition."""
    given = [as_path(table) for table in tables]
    files = [file for table in given for file in (sorted(table.rglob("*.csv")) if table.is_dir() else [table])]
    if not files:
        raise DataError("no CSV files there; give the folder of the published tables, or the files")
    sessions: dict[tuple[str, str], _Session] = {}
    for file in files:
        for observer, condition, trial in _trials(file):
            session = sessions.setdefault((observer, condition), _Session(observer, condition))
            session.trials.append(trial)
            if file.name not in session.files:
                session.files[file.name] = fingerprint(file)
    for session in sessions.values():
        counts = Counter(trial.id for trial in session.trials)
        twice = [image for image, count in counts.items() if count > 1]
        if twice:
            raise DataError(
                f"{session.observer} answered {len(twice)} pictures more than once, such as {twice[0]!r} "
                f"(condition {session.condition!r}, {', '.join(session.files)}); import one session at a time"
            )
    return list(sessions.values())


def _trials(file: Path) -> Iterable[tuple[str, str, _Trial]]:
    """Read one table; yield observer, condition and trial."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise DataError(
                    f"{file} has no column {', '.join(lacking)}; a table of decisions has {', '.join(COLUMNS)}"
                )
            for row in reader:
                where = f"{file}, line {reader.line_num}"
                if None in row.values():
                    raise DataError(f"{where}: has fewer values than columns; repair the table")
                # 0003_s5n_s01_0_dog_00_dog10-bicycle1.png: the last of seven parts is the picture's own name.
                stimulus = row["imagename"].split("_", 6)[-1]
                response = None if row["object_response"].lower() in _NO_ANSWER else row["object_response"]
                condition = "clean" if row["condition"].lower() in _UNCHANGED else row["condition"]
                yield row["subj"], condition, _Trial(row["category"], stimulus, response, where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} cannot be read as a table of decisions: {error}") from error


def _described(sessions: Sequence[_Session]) -> _Pictures:
    """Make a data set of what the tables say: its pictures, their shapes and their textures."""
    trials = {trial.id: trial for session in sessions for trial in session.trials}
    ids = sorted(trials)
    named = {trial.category for trial in trials.values()}
    answered = {trial.response for session in sessions for trial in session.trials if trial.response is not None}
    sixteen = entry_level_classes()
    classes = tuple(sixteen if sixteen.keys() >= named | answered else sorted(named | answered))
    shapes = np.array([classes.index(trials[image].category) for image in ids])
    textures = np.array([classes.index(word) if (word := trials[image].texture) in classes else -1 for image in ids])
    record = ComponentRecord("decisions", "cue-conflict" if (textures >= 0).any() else "decisions", "published tables")
    rows = np.arange(len(ids))
    facts: dict[str, Scalar] = {"classes": json.dumps(classes), "images": len(ids)}
    part = DatasetPart(record, rows, tuple(ids), shapes, shapes, textures, None, facts)
    return _Pictures(record, classes, {image: row for row, image in enumerate(ids)}, part)


def _found(sessions: Sequence[_Session], store: Store, title: str | None) -> _Pictures:
    """Find the data set of a store that has these pictures, and take it over."""
    trials = [trial for session in sessions for trial in session.trials]
    named = [one for one in store.datasets() if title in (None, one.record.title, one.record.canonical)]
    fitting = [pictures for pictures in map(_stored, named) if any(pictures.row(trial) is not None for trial in trials)]
    if len(fitting) == 1:
        return fitting[0]
    titles = [dataset.record.title for dataset in store.datasets()]
    if fitting:
        raise StoreError(listed("several data sets have some of the pictures; say which with --dataset:", titles))
    example = f"such as {trials[0].id!r}" if trials else "as there are none"
    raise StoreError(
        listed(f"no data set of {store.path} has the pictures of these tables, {example}; it has:", titles)
    )


def _stored(dataset: StoredDataset) -> _Pictures:
    arrays = {name: dataset.array(name) if name in dataset.names else None for name in ("thumbnails", "masks")}
    labels = (dataset.labels, dataset.shape_labels, dataset.texture_labels)
    part = DatasetPart(
        dataset.record, dataset.rows, dataset.ids, *labels, arrays["thumbnails"], dataset.attributes, arrays["masks"]
    )
    rows = dict(zip(dataset.ids, dataset.rows.tolist(), strict=True))
    return _Pictures(dataset.record, dataset.classes, rows, part)


def _parts(session: _Session, pictures: _Pictures) -> Iterable[Part]:
    """Turn the answers to pictures of the data set into parts, in the order of the data set."""
    found = {row: pictures.index(trial) for trial in session.trials if (row := pictures.row(trial)) is not None}
    rows = np.array(sorted(found), dtype=np.int64)
    model = ComponentRecord(f"decisions:{session.observer}", session.observer, "published tables", session.files)
    cell = CellRecord(pictures.record, model, ComponentRecord(session.condition, session.condition))
    for start in range(0, len(rows), _PART_IMAGES):
        some: NDArray[np.int64] = rows[start : start + _PART_IMAGES]
        yield Part(cell, some, {"prediction": np.array([found[row] for row in some.tolist()])})


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
    folder = as_path(folder)
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
        condition = answers.condition if answers.eps is None else f"{answers.condition} at {answers.eps:.6g}"
        condition = "0" if condition == "clean" else condition
        for image, label, prediction in zip(answers.ids, answers.labels, answers.prediction, strict=True):
            category = answers.classes[label] if label >= 0 else "na"
            response = answers.classes[prediction] if prediction >= 0 else "na"
            name = (
                f"{len(lines):04}_sb_{observer}_{_plain(condition)}_{_plain(category)}_00_{PurePosixPath(image).name}"
            )
            values = (observer, "1", str(len(lines)), "NaN", response, category, condition, name)
            lines.append(",".join(map(_quoted, values)))
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Keep what may stand in a file's name and between underscores."""
    return re.sub(r"[^A-Za-z0-9.=-]+", "-", text).strip("-.") or "unnamed"


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if re.search(r'[",\n]', value) else value
