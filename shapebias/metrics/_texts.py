"""Numbers in the canonical texts of components: which cells differ in only one parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shapebias.errors import ShapebiasError
from shapebias.spelling.grammar import Spelling, parse, parse_number, split

__all__ = ["number_in", "steps"]


def steps(text: str) -> list[Spelling]:
    """Parse the canonical text of a condition or a data set into its steps; no steps if the text is not canonical.

    >>> [step.name for step in steps("patch-shuffle:k=4+low-pass:radius=8")]
    ['patch-shuffle', 'low-pass']
    """
    try:
        return [parse(step) for step in split(text, "+")]
    except ShapebiasError:
        return []


def number_in(text: str, parameter: str) -> tuple[str, float] | None:
    """Extract the value of one parameter from a canonical text.

    Args:
        text: the text of a data set or a condition.
        parameter: the name of the parameter.

    Returns:
        The text without the value, which is the same for cells that differ in nothing else, and the value; None if not
        exactly one step has such a parameter, or if its value is not a single number.

    >>> number_in("stimuli:cue=conflict,contrast=0.12", "contrast")
    ('stimuli:cue=conflict,contrast=*', 0.12)
    """
    found = [value for step in steps(text) for value in _single_values(step, parameter)]
    if len(found) != 1:
        return None
    try:
        value = parse_number(found[0])
    except ValueError:
        return None
    pattern = rf"(?<=[:,]){re.escape(parameter)}={re.escape(found[0])}(?=[,+]|$)"
    return re.sub(pattern, f"{parameter}=*", text, count=1), value


def _single_values(step: Spelling, parameter: str) -> Iterator[str]:
    for position, argument in enumerate(step.arguments, start=1):
        listed = any(follower.key is None for follower in step.arguments[position : position + 1])
        if argument.key == parameter and not argument.quoted and not listed:
            yield argument.text
