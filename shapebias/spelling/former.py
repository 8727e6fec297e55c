"""Earlier names of parameters and of their values: accepted in texts that an earlier version stored, else refused.

A parameter lists its earlier names: ``param(..., formerly=("step",))``.  A type lists the earlier names of its words:
``Annotated[Literal["cross-entropy", "margin"], FormerWords({"loss": "cross-entropy"})]``.
"""

from __future__ import annotations

import contextlib
import functools
import typing
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Annotated, Any, get_args, get_origin

import attrs

from shapebias.spelling.grammar import Argument, Spelling

__all__ = ["FormerWords", "former_names", "former_spellings", "former_words", "updated"]

_ACCEPTED: ContextVar[bool] = ContextVar("former spellings are accepted", default=False)


@attrs.frozen
class FormerWords:
    """Earlier words of a type, as an annotation of the type: a mapping from each earlier word to the current one.

    Args:
        today: the current word, by the earlier one.

    >>> FormerWords({"loss": "cross-entropy"}).today["loss"]
    'cross-entropy'
    """

    today: Mapping[str, str] = attrs.field(converter=dict, hash=False)


@contextlib.contextmanager
def former_spellings() -> Iterator[None]:
    """Accept earlier names inside this context, to read texts that an earlier version stored in a results file.

    It is a context and not an argument, because converters of fields read the texts of a stored study or recipe.

    >>> from shapebias.spelling.grammar import parse
    >>> from shapebias.spelling.params import build, param
    >>> @attrs.frozen
    ... class Pgd:
    ...     step_size: float = param("size of a step", default=0.5, formerly=("step",))
    >>> with former_spellings():
    ...     build(Pgd, parse("pgd:step=0.25"))
    Pgd(step_size=0.25)
    """
    token = _ACCEPTED.set(True)
    try:
        yield
    finally:
        _ACCEPTED.reset(token)


def updated(cls: type, spelling: Spelling) -> Spelling:
    """Replace earlier names by current ones inside :func:`former_spellings`; outside, change nothing."""
    if not _ACCEPTED.get():
        return spelling
    names, words = former_names(cls), former_words(cls)
    first = next(iter(attrs.fields_dict(cls)), "")

    def renewed(position: int, argument: Argument) -> Argument:
        key = names.get(argument.key or "", argument.key)
        owner = key or (first if position == 0 else "")
        return attrs.evolve(argument, key=key, text=words.get(owner, {}).get(argument.text, argument.text))

    arguments = tuple(renewed(position, argument) for position, argument in enumerate(spelling.arguments))
    return attrs.evolve(spelling, arguments=arguments)


def former_names(cls: type) -> dict[str, str]:
    """Map the earlier names of the parameters of a settings class to the current ones."""
    return {old: field.name for field in attrs.fields(cls) for old in field.metadata.get("formerly", ())}


@functools.cache
def former_words(cls: type) -> dict[str, dict[str, str]]:
    """Map the earlier words of each parameter's type to the current ones, by the parameter's name."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: found for name, hint in hints.items() if (found := _words(hint))}


def _words(hint: Any) -> dict[str, str]:
    members = get_args(hint)
    own = members[1:] if get_origin(hint) is Annotated else ()
    found = {old: new for each in own if isinstance(each, FormerWords) for old, new in each.today.items()}
    for member in members:
        found |= _words(member)
    return found
