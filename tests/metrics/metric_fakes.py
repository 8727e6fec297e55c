"""Answers made by hand, or read from the published tables of observers."""

from __future__ import annotations

import csv
import functools
import re
from pathlib import Path

from shapebias.plugins.in_memory import InMemoryAnswers

CUE_CLASSES = (
    "airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat",
    "chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck",
)  # fmt: skip


FakeAnswers = functools.partial(InMemoryAnswers, classes=("cat", "dog", "ship"))


def published(path: Path) -> InMemoryAnswers:
    """One observer's answers to the cue-conflict stimuli; ``na`` and ``NaN`` are not answers."""
    with path.open(newline="", encoding="utf-8") as file:
        trials = list(csv.DictReader(file))
    # 0003_s5n_s01_0_dog_00_dog10-bicycle1.png: the last part names shape and texture, with numbers.
    stimuli = [trial["imagename"].rsplit("_", 1)[1].removesuffix(".png") for trial in trials]
    words = [re.fullmatch(r"([a-z]+)\d+-([a-z]+)\d+", stimulus).groups() for stimulus in stimuli]
    index = {name: position for position, name in enumerate(CUE_CLASSES)}
    shape = [index[word] for word, _ in words]
    return FakeAnswers(
        prediction=[index.get(trial["object_response"], -1) for trial in trials],
        labels=shape,
        shape_labels=shape,
        texture_labels=[index[word] for _, word in words],
        ids=stimuli,
        dataset="cue-conflict",
        model=trials[0]["subj"],
        classes=CUE_CLASSES,
    )
