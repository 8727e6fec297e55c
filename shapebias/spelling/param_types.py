"""The types that a parameter may have: which values they accept, how text is converted, and their names in messages.

Numbers, true and false, text, paths, ``Literal``, ``tuple[X, ...]``, unions of these, and :class:`Options`.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from shapebias.errors import SpellingError
from shapebias.paths import as_path
from shapebias.spelling.grammar import Argument, parse_number, read_literal, spell_scalar

__all__ = ["Options", "fits", "has_spelling", "is_list", "read", "type_text"]

_Scalar = str | float | bool | None
_PLAIN: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", type(None): "none"}
_TEXT: dict[Any, str] = {str: "text", Path: "a path"}


@attrs.frozen(init=False)
class Options(Mapping[str, _Scalar]):
    """Free-form options of a constructor, spelled ``prefix.key=value`` where ``prefix`` is the field's name.

    Raises:
        SpellingError: a key or a value cannot be spelled.

    >>> Options(pad_type="same")["pad_type"]
    'same'
    """

    _items: tuple[tuple[str, _Scalar], ...]

    def __init__(self, *mapping: Mapping[str, _Scalar], **options: _Scalar) -> None:
        merged = {**(mapping[0] if mapping else {}), **options}
        for key, value in merged.items():
            if not re.fullmatch(r"[\w.]+", key):
                raise SpellingError(f"option {key!r}: use letters, digits, '_' and '.'")
            if not fits(value, _Scalar):
                raise SpellingError(f"option {key}: must be a number, true, false, none or text, got {value!r}")
        self.__attrs_init__(tuple(sorted(merged.items())))

    def __getitem__(self, key: str) -> _Scalar:
        return dict(self._items)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(self._items)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def has_spelling(kind: Any) -> bool:
    """Return whether values of a type can be read from text and written as text.

    >>> has_spelling(tuple[int, ...] | None), has_spelling(dict[str, int])
    (True, False)
    """
    return kind is Options or _is_value(kind, lists=True)


def _is_value(kind: Any, *, lists: bool) -> bool:
    members = get_args(kind)
    if _is_union(kind):
        return all(_is_value(member, lists=lists) for member in members)
    if get_origin(kind) is Literal:
        return all(isinstance(member, str | int) for member in members)
    if get_origin(kind) is tuple:
        return lists and members[1:] == (...,) and _is_value(members[0], lists=False)
    return kind in _PLAIN or kind in _TEXT


def is_list(kind: Any) -> bool:
    """Return whether a type takes several values.

    >>> is_list(tuple[int, ...] | None), is_list(int)
    (True, False)
    """
    return get_origin(kind) is tuple or (_is_union(kind) and any(is_list(member) for member in get_args(kind)))


def fits(value: object, kind: Any) -> bool:
    """Return whether a value has a type; a bool is not a number, a whole number is also a float, and NaN never fits.

    >>> fits(1, float), fits(True, int), fits((1, 2), tuple[int, ...]), fits("l3", Literal["linf", "l2"])
    (True, False, True, False)
    """
    members = get_args(kind)
    if _is_union(kind):
        return any(fits(value, member) for member in members)
    if get_origin(kind) is Literal:
        return any(value == member and type(value) is type(member) for member in members)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(fits(item, members[0]) for item in value)
    wanted = int | float if kind is float else kind
    return isinstance(value, wanted) and (kind is bool or not isinstance(value, bool)) and value == value  # noqa: PLR0124


def type_text(kind: Any) -> str:
    """Name a type as a user would: ``a number``, ``one of a|b``, ``a path``.

    >>> type_text(float), type_text(Literal["linf", "l2"]), type_text(tuple[int, ...])
    ('a number', 'one of linf|l2', 'a list (each a whole number)')
    """
    members = get_args(kind)
    if _is_union(kind):
        return " or ".join(type_text(member) for member in members)
    if get_origin(kind) is Literal:
        words = [spell_scalar(member) for member in members]
        return words[0] if len(words) == 1 else "one of " + "|".join(words)
    if get_origin(kind) is tuple:
        return f"a list (each {type_text(members[0])})"
    return _PLAIN.get(kind) or _TEXT.get(kind) or "free options"


def read(values: Sequence[Argument], kind: Any) -> Any:
    """Convert the text of one parameter to its type; raise ``ValueError`` if it does not fit.

    >>> read([Argument("eps", "1/255"), Argument(None, "2/255")], tuple[float, ...]) == (1 / 255, 2 / 255)
    True
    """
    members = get_args(kind)
    if _is_union(kind):
        return _read_union(values, members)
    if get_origin(kind) is tuple:
        if [(value.text, value.quoted) for value in values] == [("", False)]:
            return ()
        return tuple(read([value], members[0]) for value in values)
    (value,) = values
    if get_origin(kind) is Literal:
        return _read_literal(value, members)
    if kind is Path:
        return as_path(value.text)
    return value.text if kind is str else _read_plain(value, kind)


def _read_union(values: Sequence[Argument], members: Sequence[Any]) -> Any:
    """Convert to the first type that fits; text and paths, which accept anything, come last."""
    for member in sorted(members, key=lambda member: 0 if member in _PLAIN else 2 if member in _TEXT else 1):
        try:
            return read(values, member)
        except ValueError:
            continue
    raise ValueError


def _read_literal(value: Argument, members: Sequence[Any]) -> Any:
    found = [] if value.quoted else [member for member in members if value.text == spell_scalar(member)]
    found += [member for member in members if value.text == member]
    if not found:
        raise ValueError
    return found[0]


def _read_plain(value: Argument, kind: Any) -> Any:
    if value.quoted:
        raise ValueError
    if kind is float:
        return parse_number(value.text)
    literal = read_literal(value.text)
    if kind is int and isinstance(literal, float) and literal.is_integer() and "/" not in value.text:
        return int(literal)  # 1e4 is a whole number
    if type(literal) is kind:
        return literal
    raise ValueError
