"""The mean and standard deviation of a normalisation, as parameters."""

from __future__ import annotations

from collections.abc import Iterable

from shapebias.errors import SpellingError
from shapebias.spelling.params import numbers

__all__ = ["per_channel"]


def per_channel(value: float | Iterable[float]) -> tuple[float, ...]:
    """Convert a per-channel parameter: one number becomes three, for red, green and blue; empty stays empty.

    Raises:
        SpellingError: two numbers, or more than three.

    >>> per_channel(0.5), per_channel(())
    ((0.5, 0.5, 0.5), ())
    """
    values = numbers(value)
    if len(values) not in (0, 1, 3):
        raise SpellingError(f"mean and std take one number or three (red, green, blue), got {len(values)}")
    return values * 3 if len(values) == 1 else values
