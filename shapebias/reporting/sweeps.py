"""Which conditions differ in one number alone: what a curve has on its horizontal axis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import attrs

from shapebias.spelling.grammar import parse, parse_number, split
from shapebias.store.views import StoredAnswers

__all__ = ["Point", "Series", "find_sweeps"]

_Place: TypeAlias = tuple[str, str, str, bool, str]


@attrs.frozen
class Point:
    """One condition of a series.

    Args:
        value: the number that differs.
        condition: what tables call the condition.
        eps: the attack's budget, where there is one.
    """

    value: float
    condition: str
    eps: float | None = None


@attrs.frozen
class Series:
    """Conditions that differ in one number.

    Args:
        dataset: what tables call the data set.
        step: the name of the transform or attack, ``saturate``.
        parameter: what differs, ``p``.
        within: the rest of the conditions, where they have other steps.
        points: at least two, ascending.
        axis: whether the number is an axis of one cell: a list of eps.
    """

    dataset: str
    step: str
    parameter: str
    within: str
    points: tuple[Point, ...]
    axis: bool = False

    @property
    def title(self) -> str:
        """The series in words."""
        return f"{self.step}: {self.parameter}" + f", with {self.within}" * bool(self.within)


def find_sweeps(answers: Iterable[StoredAnswers]) -> list[Series]:
    """Find what was varied: every number of a transform or an attack that has two values or more.

    Conditions belong together where their canonical texts are the same but for that number.
    """
    found: dict[tuple[str, str, str, str, bool, str], set[Point]] = {}
    for view in answers:
        if view.texts["condition"] == "clean":
            continue
        for position, value in _numbers(view):
            found.setdefault((view.dataset, *position), set()).add(Point(value, view.condition, view.eps))
    return [
        Series(dataset, step, parameter, within, tuple(sorted(points, key=lambda point: point.value)), axis)
        for (dataset, step, parameter, within, axis, _), points in found.items()
        if len({point.value for point in points}) == len(points) > 1
    ]


def _numbers(view: StoredAnswers) -> Iterator[tuple[_Place, float]]:
    """Yield the numbers of a condition, each with its step, parameter, other steps, and the text around it."""
    canonical = view.texts["condition"]
    steps = split(canonical, "+")
    for at, step in enumerate(steps):
        spelling = parse(step)
        within = " + ".join(parse(other).name for other in [*steps[:at], *steps[at + 1 :]])
        for argument in spelling.arguments:
            if argument.key is None or argument.quoted:
                continue
            if argument.key == "eps" and view.eps_index is not None and view.eps is not None:
                yield (spelling.name, "eps", within, True, canonical), view.eps
                continue
            rest = [each for each in spelling.arguments if each is not argument]
            around = repr((steps[:at], rest, steps[at + 1 :]))
            with contextlib.suppress(ValueError):  # a word is not a number
                yield (spelling.name, argument.key, within, False, around), parse_number(argument.text)
