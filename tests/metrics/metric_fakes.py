"""Answers made by hand, shuffled, or read from the published tables of observers."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import attrs
import numpy as np

CUE_CLASSES = (
    "airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat",
    "chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck",
)  # fmt: skip


def integers(values):
    return np.asarray(values, dtype=np.int64)


@attrs.frozen(eq=False)
class FakeAnswers:
    prediction: np.ndarray = attrs.field(converter=integers)
    labels: np.ndarray = attrs.field(converter=integers)
    shape_labels: np.ndarray = attrs.field(converter=integers)
    texture_labels: np.ndarray = attrs.field(converter=integers)
    ids: tuple[str, ...] = attrs.field(converter=tuple)
    dataset: str = "photos"
    model: str = "net"
    condition: str = "clean"
    eps: float | None = None
    classes: tuple[str, ...] = ("cat", "dog", "ship")
    logits: np.ndarray | None = None
    destroys: tuple[str, ...] = ()
    gradient_failed: np.ndarray = attrs.field(converter=lambda values: np.asarray(values, bool))

    @gradient_failed.default
    def _finite(self):
        return np.zeros(len(self.prediction), bool)

    @property
    def texts(self):
        return {"dataset": self.dataset, "model": self.model, "condition": self.condition}

    @shape_labels.default
    def _unknown_shape(self):
        return np.full(len(self.prediction), -1)

    @texture_labels.default
    def _unknown_texture(self):
        return np.full(len(self.prediction), -1)

    @ids.default
    def _numbers(self):
        return (f"{index:04d}.png" for index in range(len(self.prediction)))

    def top(self, k):
        if self.logits is None:
            return self.prediction[:, None]
        return np.argsort(-self.logits, axis=1, kind="stable")[:, :k]

    def taking(self, rows):
        arrays = ("prediction", "labels", "shape_labels", "texture_labels", "gradient_failed")
        changes = {name: getattr(self, name)[rows] for name in arrays}
        logits = None if self.logits is None else self.logits[rows]
        return attrs.evolve(self, **changes, ids=np.array(self.ids)[rows], logits=logits)


@attrs.frozen(eq=False)
class FakeValues:
    values: dict[str, np.ndarray]
    ids: tuple[str, ...]
    saliency: str | None = "smoothgrad"
    probe: str = "insertion"
    dataset: str = "photos"
    model: str = "net"
    condition: str = "clean"
    eps: float | None = None

    def taking(self, rows):
        values = {name: array[rows] for name, array in self.values.items()}
        return attrs.evolve(self, values=values, ids=np.array(self.ids)[rows])


@attrs.frozen(eq=False)
class FakeMaps:
    maps: np.ndarray
    ids: tuple[str, ...] = attrs.field(converter=tuple)
    masks: np.ndarray | None = None
    saliency: str = "gradient"
    dataset: str = "photos"
    model: str = "net"
    condition: str = "clean"
    eps: float | None = None
    moves_pixels: bool = False

    @ids.default
    def _numbers(self):
        return (f"{index:04d}.png" for index in range(len(self.maps)))

    @property
    def texts(self):
        return {"dataset": self.dataset, "model": self.model, "condition": self.condition, "saliency": self.saliency}

    def taking(self, rows):
        masks = None if self.masks is None else self.masks[rows]
        return attrs.evolve(self, maps=self.maps[rows], masks=masks, ids=np.array(self.ids)[rows])


@attrs.frozen
class FakeResults:
    listed: list = attrs.field(factory=list)
    seed: int = 0
    listed_values: list = attrs.field(factory=list)
    listed_maps: list = attrs.field(factory=list)

    def answers(self):
        return self.listed

    def values(self):
        return self.listed_values

    def maps(self):
        return self.listed_maps

    def shuffled(self, seed):
        """The same answers, the images of each cell in an order of its own."""
        rng = np.random.default_rng(seed)
        return attrs.evolve(
            self,
            listed=[answers.taking(rng.permutation(len(answers.ids))) for answers in self.listed],
            listed_values=[values.taking(rng.permutation(len(values.ids))) for values in self.listed_values],
            listed_maps=[maps.taking(rng.permutation(len(maps.ids))) for maps in self.listed_maps],
        )


def published(path: Path) -> FakeAnswers:
    """One observer's answers to the cue-conflict stimuli; ``na`` and ``NaN`` are no answer."""
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
