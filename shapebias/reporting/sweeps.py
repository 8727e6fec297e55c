"""Find conditions that differ in only one number, which is the horizontal axis of a curve."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import attrs

from shapebias.errors import ShapebiasError, UnknownNameError
from shapebias.plugins.catalog import default_catalog
from shapebias.spelling.grammar import parse, parse_number, split
from shapebias.store.views import StoredAnswers

__all__ = ["Point", "Series", "find_sweeps"]

_SweepKey: TypeAlias = tuple[str, str, str, bool, bool, str]

_ASIDE = 0.14  # how far clean images are from the other values, as a share of the axis, where they have no value
_WIDE = 8  # values whose largest is so many times the smallest are drawn on a logarithmic axis


@attrs.frozen
class Point:
    """One condition of a series.

    Args:
        value: the number that differs.
        condition: the name of the condition in tables.
        eps: the attack's budget, if there is one.
    """

    value: float
    condition: str
    eps: float | None = None


@attrs.frozen
class Series:
    """Conditions that differ in one number.

    Args:
        dataset: the name of the data set in tables.
        step: the name of the transform or attack, ``saturate``.
        parameter: the parameter that differs, ``p``.
        within: the rest of the conditions, if they have other steps.
        points: at least two, ascending.
        axis: whether the number is an axis of one cell: a list of eps.
        attack: whether the step is an attack.
    """

    dataset: str
    step: str
    parameter: str
    within: str
    points: tuple[Point, ...]
    axis: bool = False
    attack: bool = False

    @property
    def title(self) -> str:
        """The title of the series."""
        return f"{self.step}: {self.parameter}" + f", with {self.within}" * bool(self.within)

    @property
    def unchanged(self) -> float | None:
        """The value at which the step changes nothing, None if it is not known or other steps change the image.

        >>> Series("photos", "saturate", "p", "", ()).unchanged
        2
        """
        if self.within:
            return None
        if self.attack:
            return 0 if self.parameter == "eps" else None
        try:
            spec = default_catalog().find("transform", self.step).spec
        except UnknownNameError:  # its plugin is not installed
            return None
        parameter, value = spec.unchanged or ("", None)
        return value if parameter == self.parameter else None

    @property
    def is_logarithmic(self) -> bool:
        """Whether the values, including the one that changes nothing, span a range that needs a logarithmic axis."""
        values = [point.value for point in self.points]
        if self.unchanged is not None:
            values.append(self.unchanged)
        return min(values) > 0 and max(values) >= _WIDE * min(values)

    def axis_position(self, value: float | None) -> float:
        """Return the position of a value on the axis: the number or its logarithm; None is the clean images.

        Clean images are drawn at the value that changes nothing, or left of all others if none is known.

        >>> series = Series("photos", "saturate", "p", "", (Point(4, "saturate:p=4"), Point(1024, "saturate:p=1024")))
        >>> [round(series.axis_position(value), 2) for value in (None, 4, 1024)]
        [0.69, 1.39, 6.93]
        """
        at = self.unchanged if value is None else value
        if at is not None:
            return math.log(at) if self.is_logarithmic else at
        positions = [self.axis_position(point.value) for point in self.points]
        return min(positions) - _ASIDE * (max(positions) - min(positions))


def find_sweeps(answers: Iterable[StoredAnswers]) -> list[Series]:
    """Find what was varied: every number of a transform or an attack that has at least two values.

    Conditions belong together if their canonical texts differ only in that number.
    """
    found: dict[tuple[str, str, str, str, bool, bool, str], set[Point]] = {}
    for view in answers:
        if view.texts["condition"] == "clean":
            continue
        for position, value in _numbers(view):
            found.setdefault((view.dataset, *position), set()).add(Point(value, view.condition, view.eps))
    return [
        Series(dataset, step, parameter, within, tuple(sorted(points, key=lambda point: point.value)), axis, attack)
        for (dataset, step, parameter, within, axis, attack, _), points in found.items()
        if len({point.value for point in points}) == len(points) > 1
    ]


def _numbers(view: StoredAnswers) -> Iterator[tuple[_SweepKey, float]]:
    """Yield the numbers of a condition, each with its step, parameter, other steps, and the text around it."""
    canonical = view.texts["condition"]
    try:
        steps = split(canonical, "+")
        spellings = [parse(step) for step in steps]
    except ShapebiasError:
        return  # a condition of published answers, such as 1-10-10 of the eidolon sets
    for at, spelling in enumerate(spellings):
        within = " + ".join(other.name for other in [*spellings[:at], *spellings[at + 1 :]])
        attack = view.steps is not None and view.steps[at].kind == "attack"
        for argument in spelling.arguments:
            if argument.key is None or argument.quoted:
                continue
            if argument.key == "eps" and view.eps_index is not None and view.eps is not None:
                yield (spelling.name, "eps", within, True, True, canonical), view.eps
                continue
            rest = [each for each in spelling.arguments if each is not argument]
            around = repr((steps[:at], rest, steps[at + 1 :]))
            with contextlib.suppress(ValueError):  # a word is not a number
                yield (spelling.name, argument.key, within, False, attack, around), parse_number(argument.text)
