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
    "EvaluationError",
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
    "with_article",
]


class ShapebiasError(Exception):
    """Base class of every error that shapebias raises on purpose; the CLI prints it without a traceback."""


class SpellingError(ShapebiasError):
    """A ``name:key=value`` text cannot be read, or a parameter has a wrong name, type or value."""


class UnknownNameError(ShapebiasError):
    """No plugin provides the requested name, or more than one does."""


class PluginError(ShapebiasError):
    """A requested plugin cannot be imported, or it breaks its contract."""


class StudyError(ShapebiasError):
    """A study or a recipe is incomplete or contradicts itself; lists every problem with its path."""


class EvaluationError(ShapebiasError):
    """Some cells of an evaluation failed.

    Args:
        message: which cells failed, and why.
        results: the results that could be computed, a :class:`shapebias.Results`.
    """

    def __init__(self, message: str, results: object) -> None:
        super().__init__(message)
        self.results = results


class TrainingError(ShapebiasError):
    """A training run cannot continue, or its output belongs to another run."""


class LabelError(ShapebiasError):
    """The classes of a model cannot be matched with the classes of a data set."""


class DataError(ShapebiasError):
    """A data set, an image or a label file is missing or damaged."""


class WeightsError(ShapebiasError):
    """A weight file is missing, damaged, unsafe to read, or made for another network."""


class DeviceError(ShapebiasError):
    """The requested device does not exist, or it cannot compute as requested."""


class StoreError(ShapebiasError):
    """A results file is missing, damaged, locked by another run, or of another format."""


class FigureError(ShapebiasError):
    """A figure or a page has nothing to show, or cannot be written."""


def suggestion(word: str, options: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the option closest to ``word``, or an empty text.

    >>> suggestion("satruate", ["saturate", "grayscale"])
    "; did you mean 'saturate'?"
    >>> suggestion("zebra", ["saturate", "grayscale"])
    ''
    """
    close = difflib.get_close_matches(word, list(options), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def with_article(noun: str) -> str:
    """Return a noun with *a* or *an*.

    >>> with_article("model"), with_article("attack")
    ('a model', 'an attack')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(title: str, problems: Sequence[str]) -> str:
    """Join a title and its problems into a message with one problem per line.

    >>> print(listed("2 problems in a.toml", ["seed: not a whole number", "modles: unknown key"]))
    2 problems in a.toml
      seed: not a whole number
      modles: unknown key
    """
    return "\n".join([title, *(textwrap.indent(problem, "  ") for problem in problems)])


def reason(error: str) -> str:
    """Return the exception's message from a traceback: the lines after the last frame and its line of code."""
    lines = error.strip().splitlines()
    last_frame = max((position for position, line in enumerate(lines) if line.startswith('  File "')), default=-1)
    message = list(itertools.dropwhile(lambda line: line.startswith(" "), lines[last_frame + 1 :])) or lines[-1:]
    return re.sub(r"^[\w.]+\.(?=\w+:)", "", "\n".join(message))
