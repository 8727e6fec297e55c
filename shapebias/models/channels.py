"""The mean and standard deviation of a normalisation, as parameters."""

from __future__ import annotations

from collections.abc import Iterable

from shapebias.errors import SpellingError
from shapebias.spelling.params import numbers

__all__ = ["channels"]


def channels(value: float | Iterable[float]) -> tuple[float, ...]:
    """Converter of per-channel parameters: one number stands for red, green and blue; nothing stays nothing.

    Raises:
        SpellingError: two numbers, or more than three.

    >>> channels(0.5), channels(())
    ((0.5, 0.5, 0.5), ())
    """
    values = numbers(value)
    if len(values) not in (0, 1, 3):
        raise SpellingError(f"mean and std take one number or three (red, green, blue), got {len(values)}")
    return values * 3 if len(values) == 1 else values
