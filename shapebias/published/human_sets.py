"""The conditions of the published human experiments, and which of them count in averages."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from shapebias.published.image_names import condition_name

__all__ = ["conditions_of_set", "human_sets"]


@cache
def human_sets() -> Mapping[str, Mapping[str, bool]]:
    """Return the 17 sets of stimuli that people were shown, and whether each condition counts in the averages.

    Conditions are in the order of their strength, as
    :func:`shapebias.published.image_names.condition_name` writes them; a set without a parameter has the one condition
    ``clean``.  Conditions that change nothing, and those under which people are right on fewer than 20 % of the images,
    do not count.  Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision".

    >>> [condition for condition, counts in human_sets()["rotation"].items() if counts]
    ['90', '180', '270']
    """
    text = files("shapebias").joinpath("resources/protocols/model_vs_human.csv").read_text(encoding="utf-8")
    sets: dict[str, dict[str, bool]] = {}
    for row in csv.DictReader(text.splitlines()):
        sets.setdefault(row["dataset"], {})[condition_name(row["condition"])] = row["left_out"] == ""
    return MappingProxyType({name: MappingProxyType(conditions) for name, conditions in sets.items()})


def conditions_of_set(dataset: str) -> Mapping[str, bool] | None:
    """Return the conditions of a data set, by the last word of its name; None where that is not a published set.

    >>> list(conditions_of_set("model-vs-human:false-colour")), conditions_of_set("folder:photos")
    (['true', 'false'], None)
    """
    return human_sets().get(dataset.rstrip("/").replace(":", "/").split("/")[-1])
