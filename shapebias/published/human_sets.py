"""The conditions of the published human experiments, and which of them count in averages."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["CLEAN", "condition_name", "conditions_of_set", "human_sets", "published_conditions", "published_set"]

CLEAN = "clean"
_UNCHANGED = {"", "0", "clean", "na", "nan", "no-manipulation"}


@cache
def human_sets() -> Mapping[str, Mapping[str, bool]]:
    """Return the 17 sets of stimuli that people were shown, and whether each condition counts in the averages.

    Conditions are in the order of their strength, as :func:`condition_name` writes them; a set without a parameter has
    the one condition ``clean``.  Conditions that change nothing, and those under which people are right on fewer than
    20 % of the images, do not count.

    Geirhos et al. 2021, "Partial success in closing the gap between human and machine vision".

    >>> [condition for condition, counts in human_sets()["rotation"].items() if counts]
    ['90', '180', '270']
    """
    text = files("shapebias").joinpath("resources/protocols/model_vs_human.csv").read_text(encoding="utf-8")
    sets: dict[str, dict[str, bool]] = {}
    for row in csv.DictReader(text.splitlines()):
        sets.setdefault(row["dataset"], {})[condition_name(row["condition"])] = row["left_out"] == ""
    return MappingProxyType({name: MappingProxyType(conditions) for name, conditions in sets.items()})


@cache
def published_conditions() -> frozenset[str]:
    """Return the conditions of all sets."""
    return frozenset(condition for conditions in human_sets().values() for condition in conditions)


def published_set(*texts: str) -> str | None:
    """Return which of the 17 sets a data set is, by its title or its text; None if it is none of them.

    >>> published_set("mine", "model-vs-human:set=contrast,condition=c30,c50,path=none"), published_set("edges")
    ('contrast', 'edge')
    >>> published_set("folder:stimuli/rotation/"), published_set("folder:photos")
    ('rotation', None)
    """
    first = [text.split(",")[0].rstrip("/") for text in texts]
    words = [word for text in first for word in (text.split(":")[0], re.split("[:/=]", text)[-1])]
    return next((name for word in words for name in (word, word.removesuffix("s")) if name in human_sets()), None)


def conditions_of_set(*texts: str) -> Mapping[str, bool] | None:
    """Return the conditions of a data set, by its title or its text; None where that is not a published set.

    >>> list(conditions_of_set("model-vs-human:false-colour")), conditions_of_set("folder:photos")
    (['true', 'false'], None)
    """
    name = published_set(*texts)
    return None if name is None else human_sets()[name]


def condition_name(text: str) -> str:
    """Normalise a condition: numbers without trailing zeros, words in lower case, ``clean`` for no change.

    >>> [condition_name(text) for text in ("0.10", "3", "3.0", "True", "0.00", "c30")]
    ['0.1', '3', '3', 'true', 'clean', 'c30']
    """
    text = text.strip().lower()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    text = text if math.isnan(number) else f"{number:g}"
    return CLEAN if text in _UNCHANGED else text
