"""Find a stored thing by what the user calls it: its title, its short text, or its canonical text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from shapebias.errors import ShapebiasError, StoreError, listed
from shapebias.spelling.grammar import Argument, parse, read_literal, split
from shapebias.store.records import ComponentRecord
from shapebias.study.stored_text import current_text

__all__ = ["Named", "matches", "select"]


class Named(Protocol):
    """What can be found: an answer, a map, a value."""

    @property
    def components(self) -> Mapping[str, ComponentRecord | None]:
        """The components by their role."""

    @property
    def name(self) -> str:
        """The thing in words, for messages."""


_Named = TypeVar("_Named", bound=Named)


def select(what: str, things: Sequence[_Named], wanted: Mapping[str, str | None]) -> _Named:
    """Find the one thing that fits.

    Args:
        what: what is looked for, for messages.
        things: what there is.
        wanted: text by role; None leaves it open, so that there must be one choice.

    Raises:
        StoreError: none or several fit; lists them.
    """
    asked = {role: text for role, text in wanted.items() if text is not None}
    found = list(things)
    for role, text in asked.items():
        exact = [thing for thing in found if _is(text, thing.components[role])]
        found = exact or [thing for thing in found if matches(role, text, thing.components[role])]
    if len(found) == 1:
        return found[0]
    request = ", ".join(f"{role}={text!r}" for role, text in asked.items()) or "anything"
    if found:
        raise StoreError(listed(f"{len(found)} {what} fit {request}; say which:", [thing.name for thing in found]))
    raise StoreError(
        listed(f"no {what} fit {request}; there are:", [thing.name for thing in things] or ["none at all"])
    )


def _is(text: str, component: ComponentRecord | None) -> bool:
    return component is not None and text in (component.title, component.canonical)


def matches(role: str, text: str, component: ComponentRecord | None) -> bool:
    """Say whether a short text fits a component: same names in the same order, and every setting that it gives.

    >>> matches("condition", "pgd:eps=8/255", ComponentRecord("pgd:eps=8/255,steps=20"))
    True
    >>> matches("condition", "pgd:eps=4/255", ComponentRecord("pgd:eps=8/255,steps=20"))
    False
    """
    if component is None:
        return False
    return _fits(text, component.canonical) or _fits(text, current_text(role, component.canonical))


def _fits(text: str, canonical: str) -> bool:
    short, full = split(text, "+"), split(canonical, "+")
    try:
        return len(short) == len(full) and all(map(_step_matches, short, full))
    except ShapebiasError:
        return False  # a name of the user's own need not be a spelling


def _step_matches(short: str, full: str) -> bool:
    asked, stored = parse(short), parse(full)
    settings = _settings(stored.arguments, None)
    given = _settings(asked.arguments, next(iter(settings), None))
    return asked.name == stored.name and all(settings.get(key) == values for key, values in given.items())


def _settings(arguments: Sequence[Argument], first: str | None) -> dict[str | None, list[object]]:
    """Group the values by their keys: a leading bare value has the first key, later ones extend the list before."""
    settings: dict[str | None, list[object]] = {}
    key = first
    for argument in arguments:
        key = argument.key or key
        value = argument.text if argument.quoted else read_literal(argument.text)
        settings.setdefault(key, []).append(value)
    return settings
