"""Import the published answers of people and models into a store: each observer is a model."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import attrs
import numpy as np

from shapebias.errors import DataError, StoreError, listed
from shapebias.interop.decision_tables import DecisionTable, Trial, read_tables
from shapebias.interop.stimuli import PublishedStimuli, describe_stimuli, matching_stimuli, stored_stimuli
from shapebias.store.reader import Store
from shapebias.store.records import CellRecord, ComponentRecord, Header, Part
from shapebias.store.writer import Writer

__all__ = ["import_decisions"]

log = logging.getLogger(__name__)

TrialSession: TypeAlias = tuple[str, str]
"""An observer and a condition."""

_PROVIDER = "published tables"
_PART_IMAGES = 2048


def import_decisions(
    tables: Iterable[str | Path],
    output: str | Path,
    *,
    beside: str | Path | None = None,
    dataset: str | Collection[str] | None = None,
) -> Counter[str]:
    """Make a store of the answers in published tables; each observer is a model.

    If an image is shown to an observer again under the same condition, it counts as a separate stimulus, in the order
    of session and trial.

    Args:
        tables: CSV files, or folders with CSV files at any depth.
        output: the store, which does not exist yet.
        beside: a store whose data sets have these images: the answers are assigned to its images, so that observers
            and models are paired, and the two stores can be merged.  Answers to other images are left out.  Without
            it, each set of stimuli becomes a data set with the images that the tables name.
        dataset: the data set of ``beside``, or several, by title or text; needed if several have the same images.

    Returns:
        The number of imported answers of each observer.

    Raises:
        DataError: a table cannot be read, has the same trial twice, or has an answer that is not a class.
        StoreError: ``beside`` has none of the images, or the output exists.
    """
    output = Path(output)
    if output.exists():
        raise StoreError(f"{output} exists already; choose another output")
    read = read_tables(tables)
    sets = {stimuli: _sessions(group) for stimuli, group in _by_stimuli(read).items()}
    header = Header("", 0, {"shapebias": version("shapebias")})
    if beside is None:
        pictures = {stimuli: describe_stimuli(stimuli, sessions.values()) for stimuli, sessions in sets.items()}
    else:
        with Store(beside) as store:
            pictures = _found(sets, store, dataset)
            header = attrs.evolve(header, seed=store.header.seed)
    taken: Counter[str] = Counter()
    observers = _observers(read)
    with Writer(output, header) as writer:
        for stimuli, images in pictures.items():
            writer.write_dataset(images.part)
            for (observer, condition), trials in _cells(sets[stimuli], images).items():
                for part in _parts(observers[observer], condition, trials, images):
                    writer.write(part)
                    taken[observer] += len(part.rows)
        writer.pack()
    return taken


def _by_stimuli(tables: Sequence[DecisionTable]) -> dict[str, list[DecisionTable]]:
    groups: dict[str, list[DecisionTable]] = {}
    for table in tables:
        groups.setdefault(table.stimuli, []).append(table)
    return groups


def _observers(tables: Sequence[DecisionTable]) -> dict[str, ComponentRecord]:
    """Make a model of each observer; all tables with its answers identify it."""
    files: dict[str, dict[str, str]] = defaultdict(dict)
    for table in tables:
        for observer in dict.fromkeys(trial.observer for trial in table.trials):
            known = files[observer].get(table.file.name, table.fingerprint)
            name = table.file.name if known == table.fingerprint else f"{table.file.parent.name}/{table.file.name}"
            files[observer][name] = table.fingerprint
    return {name: ComponentRecord(f"decisions:{name}", name, _PROVIDER, files[name]) for name in files}


def _sessions(tables: Sequence[DecisionTable]) -> dict[TrialSession, list[Trial]]:
    """Sort trials by observer and condition, and within these by session and number."""
    sessions: dict[TrialSession, list[Trial]] = {}
    for table in tables:
        for trial in table.trials:
            sessions.setdefault((trial.observer, trial.condition), []).append(trial)
    for (observer, condition), trials in sessions.items():
        counts = Counter((trial.category, trial.name.stem, trial.session, trial.number) for trial in trials)
        twice = [picture for (_, picture, *_), count in counts.items() if count > 1]
        if twice:
            files = dict.fromkeys(table.file.name for table in tables if observer in {t.observer for t in table.trials})
            raise DataError(
                f"{observer} answered {len(twice)} images more than once in the same session and trial, such as "
                f"{twice[0]!r} (condition {condition!r}, {', '.join(files)}); give each table once"
            )
        trials.sort(key=lambda trial: (_natural(trial.session), _natural(trial.number)))
    return sessions


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdecimal() else (0, text)


def _found(
    sets: Mapping[str, Mapping[TrialSession, Sequence[Trial]]], store: Store, titles: str | Collection[str] | None
) -> dict[str, PublishedStimuli]:
    """Find the data set of a store that has the images of each set of stimuli; leave out sets without one."""
    candidates = stored_stimuli(store, titles)
    found = {stimuli: matching_stimuli(stimuli, list(sets[stimuli].values()), candidates) for stimuli in sets}
    pictures = {stimuli: images for stimuli, images in found.items() if images is not None}
    if not pictures:
        example = next((trial for each in sets.values() for trials in each.values() for trial in trials), None)
        such = f"such as {f'{example.category}/{example.name.picture}'!r}" if example else "as they have none"
        titles = [dataset.record.title for dataset in store.datasets()]
        raise StoreError(listed(f"no data set of {store.path} has the images of these tables, {such}; it has:", titles))
    sharing = Counter(images.record.key for images in pictures.values())
    shared = [stimuli for stimuli, images in pictures.items() if sharing[images.record.key] > 1]
    if shared:
        raise StoreError(listed("these sets of stimuli have images of the same names; import one at a time:", shared))
    return pictures


def _cells(
    sessions: Mapping[TrialSession, Sequence[Trial]], pictures: PublishedStimuli
) -> dict[TrialSession, dict[int, Trial]]:
    """Find the row of each answer; a condition that is part of the image's name does not become a separate cell."""
    cells: dict[TrialSession, dict[int, Trial]] = {}
    lost: Counter[str] = Counter()
    for (observer, condition), trials in sessions.items():
        cell = cells.setdefault((observer, pictures.condition(condition)), {})
        shown: Counter[tuple[str | None, str]] = Counter()
        for trial in trials:
            rows = pictures.rows_of(trial)
            position = shown[trial.category, trial.name.stem]
            shown[trial.category, trial.name.stem] += 1
            if position < len(rows):
                cell[rows[position]] = trial
            elif rows:
                lost[observer] += 1
    for observer, count in lost.items():
        log.warning(
            "%s: %d repeated presentations are left out, because %s has each picture once",
            observer,
            count,
            pictures.record.title,
        )
    return {session: cell for session, cell in cells.items() if cell}


def _parts(
    observer: ComponentRecord, condition: str, trials: Mapping[int, Trial], pictures: PublishedStimuli
) -> Iterator[Part]:
    """Make parts of the answers to images of the data set, in the order of the data set."""
    cell = CellRecord(pictures.record, observer, ComponentRecord(condition, condition))
    rows = sorted(trials)
    for start in range(0, len(rows), _PART_IMAGES):
        some = rows[start : start + _PART_IMAGES]
        prediction = np.array([pictures.answer(trials[row]) for row in some], dtype=np.int64)
        yield Part(cell, np.array(some, dtype=np.int64), {"prediction": prediction})
