"""The errors that shapebias raises on purpose: each message names the thing, its value and the way out."""

from __future__ import annotations

import difflib
import itertools
import re
import textwrap
from collections.abc import Iterable, Sequence

__all__ = [
    "DataError",
    "DeviceError",
    "FigureError",
    "LabelError",
    "PluginError",
    "ShapebiasError",
    "SpellingError",
    "StoreError",
    "StudyError",
    "TrainingError",
    "UnknownNameError",
    "WeightsError",
    "listed",
    "reason",
    "suggestion",
]


class ShapebiasError(Exception):
    """Parent of every error that shapebias raises on purpose; the CLI prints it without a traceback."""


class SpellingError(ShapebiasError):
    """A ``name:key=value`` text cannot be read, or a parameter has a wrong name, type or value."""


class UnknownNameError(ShapebiasError):
    """No plugin, or more than one, provides the name that was asked for."""


class PluginError(ShapebiasError):
    """A plugin that was asked for cannot be imported, or breaks its contract."""


class StudyError(ShapebiasError):
    """A study or a recipe is incomplete or contradicts itself; lists every problem with its path."""


class TrainingError(ShapebiasError):
    """A training cannot continue, or its output belongs to another training."""


class LabelError(ShapebiasError):
    """The classes of a model cannot be matched with the classes of a data set."""


class DataError(ShapebiasError):
    """A data set, an image or a label file is missing or damaged."""


class WeightsError(ShapebiasError):
    """A weight file is missing, damaged, unsafe to read, or made for another network."""


class DeviceError(ShapebiasError):
    """The device that was asked for is not there."""


class StoreError(ShapebiasError):
    """A results file is missing, damaged, locked by another run, or of another format."""


class FigureError(ShapebiasError):
    """A figure or a page has nothing to show, or cannot be written."""


def suggestion(word: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the option closest to ``word``, or nothing.

    >>> suggestion("satruate", ["saturate", "grayscale"])
    "; did you mean 'saturate'?"
    >>> suggestion("zebra", ["saturate", "grayscale"])
    ''
    """
    close = difflib.get_close_matches(word, list(options), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def listed(title: str, problems: Sequence[str]) -> str:
    """Join one title and its problems into a message with one problem a line.

    >>> print(listed("2 problems in a.toml", ["seed: not a whole number", "modles: unknown key"]))
    2 problems in a.toml
      seed: not a whole number
      modles: unknown key
    """
    return "\n".join([title, *(textwrap.indent(problem, "  ") for problem in problems)])


def reason(error: str) -> str:
    """Pick out of a traceback what the exception says: the lines after its last frame and the code shown there."""
    lines = error.strip().splitlines()
    last_frame = max((position for position, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    message = list(itertools.dropwhile(lambda line: line.startswith(" "), lines[last_frame + 1 :])) or lines[-1:]
    return re.sub(r"^[\w.]+\.(?=\w+:)", "", "\n".join(message))
