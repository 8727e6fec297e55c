"""The stimuli of published answers: described by the tables themselves, or found in a store."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from shapebias.errors import DataError, StoreError, listed, suggestion
from shapebias.interop.decision_tables import CUE_CONFLICT, Trial
from shapebias.networks.labels import entry_level_classes
from shapebias.published.human_sets import CLEAN, human_sets, published_set
from shapebias.published.image_names import cue_words, presented, read_image_name
from shapebias.store.reader import Store
from shapebias.store.records import ComponentRecord, DatasetPart, Scalar
from shapebias.store.stored import StoredDataset

__all__ = ["PublishedStimuli", "describe_stimuli", "matching_stimuli", "stored_stimuli"]

Key: TypeAlias = tuple[str | None, str | None, str]
"""Condition, class and image; None where the names do not give them."""


@attrs.frozen(eq=False)
class PublishedStimuli:
    """A data set, and the rows of each image in it.

    Args:
        record: the identity of the data set.
        classes: its classes.
        rows: the rows of each image, one for each presentation.
        has_conditions: whether the names of its images contain their conditions: then the images are already changed,
            and the answers belong to the condition ``clean``.
        part: the facts about it for the store.
    """

    record: ComponentRecord
    classes: tuple[str, ...]
    rows: Mapping[Key, Sequence[int]]
    has_conditions: bool
    part: DatasetPart

    def rows_of(self, trial: Trial) -> Sequence[int]:
        """Return the rows of the image of a trial; none if the data set lacks it."""
        condition = trial.condition if self.has_conditions else None
        stem = trial.name.stem
        return self.rows.get((condition, trial.category, stem)) or self.rows.get((condition, None, stem), ())

    def condition(self, condition: str) -> str:
        """Return the condition of the cell for answers under a condition."""
        return CLEAN if self.has_conditions else condition

    def answer(self, trial: Trial) -> int:
        """Return the index of the answered class, -1 for no answer."""
        if trial.response is None:
            return -1
        if trial.response in self.classes:
            return self.classes.index(trial.response)
        same = [position for position, name in enumerate(self.classes) if name.casefold() == trial.response.casefold()]
        if len(same) == 1:
            return same[0]
        hint = suggestion(trial.response, self.classes)
        raise DataError(
            f"{trial.where}: the answer {trial.response!r} is not a class of {self.record.title}{hint}; its classes "
            f"are {', '.join(self.classes)}, and 'na' means no answer"
        )


def describe_stimuli(stimuli: str, sessions: Iterable[Sequence[Trial]]) -> PublishedStimuli:
    """Make a data set from tables: its images, their classes and their textures.

    Args:
        stimuli: the name of the set.
        sessions: the trials of each observer under each condition.

    Raises:
        DataError: a table does not give the class of an image.
    """
    names: dict[tuple[str, str], str] = {}
    presentations: Counter[tuple[str, str]] = Counter()
    answered: set[str] = set()
    for trials in sessions:
        shown = Counter(_picture(trial) for trial in trials)
        presentations |= shown  # the largest number for any observer
        answered |= {trial.response for trial in trials if trial.response is not None}
        for trial in trials:  # the longer name has the suffix
            names[_picture(trial)] = max(
                names.get(_picture(trial), ""), trial.name.picture, key=lambda name: (len(name), name)
            )
    classes = _classes({category for category, _ in names}, answered)
    images = sorted(
        (f"{picture[0]}/{name}", presentation, picture)
        for picture, name in names.items()
        for presentation in range(1, presentations[picture] + 1)
    )
    rows: dict[Key, list[int]] = defaultdict(list)
    for row, (*_, (category, stem)) in enumerate(images):
        rows[None, category, stem].append(row)
    shapes = np.array([classes.index(category) for *_, (category, _) in images])
    words = [cue_words(stem) if stimuli == CUE_CONFLICT else None for *_, (_, stem) in images]
    textures = np.array([classes.index(word[1]) if word and word[1] in classes else -1 for word in words])
    record = ComponentRecord(f"decisions:{stimuli}", stimuli, "published tables")
    facts: dict[str, Scalar] = {"classes": json.dumps(classes), "images": len(images)}
    ids = tuple(presented(name, presentation) for name, presentation, _ in images)
    part = DatasetPart(record, np.arange(len(ids)), ids, shapes, shapes, textures, None, facts)
    return PublishedStimuli(record, classes, rows, has_conditions=False, part=part)


def _picture(trial: Trial) -> tuple[str, str]:
    if trial.category is None:
        raise DataError(
            f"{trial.where}: the class of {trial.name.picture!r} is not given; import it beside a study of these "
            "images (--beside RUN.h5)"
        )
    return trial.category, trial.name.stem


def _classes(named: set[str], answered: set[str]) -> tuple[str, ...]:
    """Return the 16 entry-level classes if all names are among them; else every name, also of wrong answers."""
    known = {name.casefold() for name in named}
    others = {answer for answer in answered if answer.casefold() not in known}
    sixteen = entry_level_classes()
    return tuple(sixteen if sixteen.keys() >= named | others else sorted(named | others))


def stored_stimuli(store: Store, titles: str | Collection[str] | None) -> list[PublishedStimuli]:
    """List the data sets of a store, or only those with given titles or texts."""
    wanted = {titles} if isinstance(titles, str) else None if titles is None else {*titles}
    return [
        _stored(one)
        for one in store.datasets()
        if wanted is None or wanted & {one.record.title, one.record.canonical}
    ]  # fmt: skip


def matching_stimuli(
    stimuli: str, sessions: Sequence[Sequence[Trial]], candidates: Sequence[PublishedStimuli]
) -> PublishedStimuli | None:
    """Find the data set that has the images of a set of stimuli.

    Args:
        stimuli: the name of the set.
        sessions: the trials of each observer under each condition.
        candidates: the data sets.

    Returns:
        The data set; None if no data set has any of the images.

    Raises:
        StoreError: several data sets have some of them.
    """
    found = [
        pictures
        for pictures in candidates
        if not _is_another(stimuli, pictures.record)
        and any(pictures.rows_of(trial) for trials in sessions for trial in trials)
    ]
    same = [pictures for pictures in found if _set_of(pictures.record) == stimuli]
    found = same if len(same) == 1 else found
    if len(found) > 1:
        titles = [pictures.record.title for pictures in found]
        raise StoreError(
            listed(f"several data sets have some of the images of {stimuli}; choose one with --dataset:", titles)
        )
    return found[0] if found else None


def _set_of(record: ComponentRecord) -> str | None:
    return published_set(record.title, record.canonical)


def _is_another(stimuli: str, record: ComponentRecord) -> bool:
    """Return whether these are two different published sets: edges and silhouettes have images of the same names."""
    other = _set_of(record)
    return stimuli in human_sets() and other is not None and other != stimuli


def _stored(dataset: StoredDataset) -> PublishedStimuli:
    arrays = {name: dataset.array(name) if name in dataset.names else None for name in ("thumbnails", "masks")}
    labels = (dataset.labels, dataset.shape_labels, dataset.texture_labels)
    part = DatasetPart(
        dataset.record, dataset.rows, dataset.ids, *labels, arrays["thumbnails"], dataset.attributes, arrays["masks"]
    )
    names = [(read_image_name(image), row) for image, row in zip(dataset.ids, dataset.rows.tolist(), strict=True)]
    has_conditions = any(name.condition is not None for name, _ in names)
    rows: dict[Key, list[int]] = defaultdict(list)
    for name, row in names:
        # A folder that is not a class does not describe the image.
        category = name.category if name.condition is not None or name.category in dataset.classes else None
        rows[name.condition, category, name.stem].append(row)
    return PublishedStimuli(dataset.record, dataset.classes, rows, has_conditions, part)
