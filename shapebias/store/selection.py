"""Find a stored answer, map or value by the user's text: title, short text or canonical text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from shapebias.errors import ShapebiasError, StoreError, listed
from shapebias.spelling.grammar import Argument, parse, read_literal, split
from shapebias.store.records import ComponentRecord
from shapebias.study.stored_text import current_text

__all__ = ["Selectable", "matches", "select"]


class Selectable(Protocol):
    """An answer, a map or a value."""

    @property
    def components(self) -> Mapping[str, ComponentRecord | None]:
        """The components by their role."""

    @property
    def name(self) -> str:
        """Its name in messages."""


_Selectable = TypeVar("_Selectable", bound=Selectable)


def select(what: str, things: Sequence[_Selectable], wanted: Mapping[str, str | None]) -> _Selectable:
    """Return the one of several answers, maps or values that matches.

    Args:
        what: what they are, for messages.
        things: the candidates.
        wanted: text by role; None matches everything.

    Raises:
        StoreError: none or several match; the message lists them.
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
    """Return whether a short text matches a component: the same names in the same order, with the settings it gives.

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
        return False  # a label may not be a valid spelling


def _step_matches(short: str, full: str) -> bool:
    asked, stored = parse(short), parse(full)
    settings = _settings(stored.arguments, None)
    given = _settings(asked.arguments, next(iter(settings), None))
    return asked.name == stored.name and all(settings.get(key) == values for key, values in given.items())


def _settings(arguments: Sequence[Argument], first: str | None) -> dict[str | None, list[object]]:
    """Group values by key: a leading bare value belongs to the first key, later ones extend the list before them."""
    settings: dict[str | None, list[object]] = {}
    key = first
    for argument in arguments:
        key = argument.key or key
        value = argument.text if argument.quoted else read_literal(argument.text)
        settings.setdefault(key, []).append(value)
    return settings
