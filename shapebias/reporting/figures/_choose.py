"""Choose a data set, a condition or a method if the user has not named one."""

from __future__ import annotations

from collections.abc import Iterable

from shapebias.errors import FigureError, suggestion

__all__ = ["choose"]


def choose(what: str, asked: str | None, known: Iterable[str], *, first: str | None = None) -> str:
    """Return the name that the user gave, else ``first`` if it is known, else the first known name.

    Raises:
        FigureError: the user's name is not known, or no name is.

    >>> choose("condition", None, ["grayscale", "clean"], first="clean")
    'clean'
    """
    names = list(dict.fromkeys(known))
    if asked is None and names:
        return first if first in names else names[0]
    if asked in names:
        return asked
    if not names:
        raise FigureError(f"the results have no {what} that this figure can show")
    raise FigureError(
        f"{what}: {asked!r} is not in the results{suggestion(str(asked), names)}; there are: {', '.join(names)}"
    )
