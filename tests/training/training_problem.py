"""A problem that a small network learns in a second, and what it is trained with."""

from __future__ import annotations

import attrs
import numpy as np

from shapebias.plugins.catalog import Component
from shapebias.plugins.protocols import Sample
from shapebias.plugins.specs import DatasetSpec
from shapebias.spelling.params import param
from shapebias.training.recipe import Recipe


@attrs.frozen
class TwoCues:
    """Noise that is brighter or darker than grey, nearly always as the class says, with faint stripes that always are.

    They run down or across; an adversary within 0.05 of every pixel can turn them, and cannot hide the brightness.
    """

    images: int = param("number", default=96)
    seed: int = param("of the noise", default=0)

    @property
    def classes(self):
        return ("dark", "bright")

    def __len__(self):
        return self.images

    def __getitem__(self, index):
        random = np.random.default_rng([self.seed, index])
        label = index % 2
        bright = label if random.random() < 0.8 else 1 - label
        down = np.where(np.arange(8) % 2, 1, -1)[None, :, None]
        stripes = down.swapaxes(0, 1) if label else down
        image = 0.5 + 0.1 * (2 * bright - 1) + 0.025 * stripes + random.normal(0, 0.02, (8, 8, 3))
        return Sample(np.rint(image.clip(0, 1) * 255).astype(np.uint8), f"{index}.png", label)


def two_cues(**settings) -> Component:
    return Component(DatasetSpec("two-cues", TwoCues), TwoCues(**settings))


def small(**changes) -> Recipe:
    """Return a recipe of some seconds: two layers, 96 images, two epochs."""
    usual = {
        "model": "cnn:num_classes=2,width=4,depth=2",
        "dataset": two_cues(),
        "validation": two_cues(images=32, seed=1),
        "epochs": 2,
        "batch_size": 32,
    }
    return Recipe(**usual | changes)
