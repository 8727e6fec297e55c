"""The text in which everything is spelled: ``name:key=value,key=value``, chained with ``+``, labelled with ``label=``.

A leading bare value belongs to the first parameter, a bare value after a list-valued parameter extends the list,
and quotes protect separators.  This module knows only the text; :mod:`shapebias.spelling.params` gives it types.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import PurePath

import attrs

from shapebias.errors import SpellingError

__all__ = [
    "Argument",
    "Spelling",
    "natural_sort_key",
    "parse",
    "parse_number",
    "quote",
    "read_literal",
    "spell_label",
    "spell_scalar",
    "split",
    "split_label",
]

NAME = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[a-z][a-z0-9-]*")
_KEY = re.compile(r"([A-Za-z_][\w.]*)\s*=\s*")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_SAFE = re.compile(r"[\w./:@~*%#\[\]()-]+")
_PLAIN_LABEL = re.compile(r"[\w./@~*%#()-]+(?: [\w./@~*%#()-]+)*")
_PIXEL_STEPS = 255
# A minus sign counts only at the start of a value: the number in photos-3 is 3, not -3.
_NUMBER = re.compile(r"((?:(?<=[=,])-)?\d+(?:\.\d+)?(?:/0*[1-9]\d*)?)")
_BEFORE_QUOTE = ",=:+"


@attrs.frozen
class Argument:
    """One ``key=value`` of a spelling; the key of a bare value is None, and a quoted value is always text."""

    key: str | None
    text: str
    quoted: bool = False


@attrs.frozen
class Spelling:
    """A parsed ``name:arguments`` text, before the arguments have types."""

    name: str
    arguments: tuple[Argument, ...] = ()


def split(text: str, separator: str) -> list[str]:
    """Split ``text`` at every ``separator`` outside quotes.

    >>> split('folder:"a,b",size=64', ",")
    ['folder:"a,b"', 'size=64']
    """
    pieces, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\"'" and text[start:at].rstrip()[-1:] in _BEFORE_QUOTE:
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise SpellingError(f"{text!r}: the quote before {text[at + 1 :]!r} is never closed")
            at = quoted.end()
        elif text[at] == separator:
            pieces.append(text[start:at])
            at += 1
            start = at
        else:
            at += 1
    return [*pieces, text[start:]]


def split_label(text: str) -> tuple[str | None, str]:
    """Split a text into the user's label and the rest: an ``=`` before the first ``:`` ends a label.

    >>> split_label("mine=checkpoint:at.safetensors")
    ('mine', 'checkpoint:at.safetensors')
    >>> split_label('"p=8: hard"=saturate:p=8')
    ('p=8: hard', 'saturate:p=8')
    >>> split_label("saturate:p=8")
    (None, 'saturate:p=8')
    """
    quoted = _QUOTED.match(text)
    if quoted and text.startswith("=", quoted.end()):
        label, thing = _unquote(quoted), text[quoted.end() + 1 :]
    else:
        before, equals, thing = text.partition("=")
        if not equals or ":" in before:
            return None, text
        label = before.strip()
    if not label:
        raise SpellingError(f"{text!r}: the label before '=' is empty")
    return label, thing


def spell_label(label: str | None, thing: str) -> str:
    """Write a label before a text, so that :func:`split_label` can separate them again.

    >>> spell_label("mine", "saturate"), spell_label("a=b", "saturate"), spell_label(None, "saturate")
    ('mine=saturate', '"a=b"=saturate', 'saturate')
    """
    if not label:
        return thing
    return f"{label if _PLAIN_LABEL.fullmatch(label) else quote(label)}={thing}"


def parse(text: str) -> Spelling:
    """Read one ``name:key=value,...`` text.

    Args:
        text: the spelling, for example ``"pgd:eps=8/255,steps=20"``.

    Raises:
        SpellingError: the name is not legal, or a quote is not closed.

    >>> parse("saturate:p=8")
    Spelling(name='saturate', arguments=(Argument(key='p', text='8', quoted=False),))
    """
    name, _, rest = text.strip().partition(":")
    if not NAME.fullmatch(name):
        raise SpellingError(
            f"{text!r} does not begin with a name such as 'saturate' or 'timm:resnet50'; "
            "names have lower-case letters, digits and '-', and quotes protect values with ',' or '+'"
        )
    return Spelling(name, tuple(_argument(piece.strip(), text) for piece in split(rest, ",")) if rest else ())


def _argument(piece: str, whole: str) -> Argument:
    found = _KEY.match(piece)
    key, value = (found[1], piece[found.end() :]) if found else (None, piece)
    if value[:1] not in ('"', "'"):
        return Argument(key, value)
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        raise SpellingError(f"{whole!r}: {value!r} continues after its closing quote; put the whole value into quotes")
    return Argument(key, _unquote(quoted), quoted=True)


def _unquote(quoted: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[2], flags=re.DOTALL)


def quote(text: str) -> str:
    r"""Put ``text`` into quotes, so that every separator in it is protected.

    >>> print(quote('a "b"'))
    "a \"b\""
    """
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def parse_number(text: str) -> float:
    """Read a decimal number or a fraction; raise ``ValueError`` for anything else, including NaN.

    >>> parse_number("8/255") == 8 / 255
    True
    """
    numerator, slash, denominator = text.partition("/")
    try:
        number = float(numerator) / float(denominator) if slash else float(text)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None
    if math.isnan(number):
        raise ValueError(f"{text!r} is not a number")
    return number


def _spell_number(value: float) -> str:
    """Write a number in its shortest exact form, such as ``8``, ``0.1`` or ``8/255``; 3/255 is not reduced to 1/85."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    decimal = repr(float(value)).replace("e+", "e")
    fraction = Fraction(value).limit_denominator(1024) if abs(value) < 1e6 else Fraction(0)
    numerator, denominator = fraction.numerator, fraction.denominator
    if _PIXEL_STEPS % denominator == 0 and denominator > 5 and round(value * _PIXEL_STEPS) / _PIXEL_STEPS == value:
        numerator, denominator = round(value * _PIXEL_STEPS), _PIXEL_STEPS
    exact = numerator and numerator / denominator == value
    return f"{numerator}/{denominator}" if exact and len(decimal) > 8 else decimal


def spell_scalar(value: object) -> str:
    """Write one value as text that :func:`parse` and the parameter's type read as the same value.

    >>> spell_scalar(8 / 255), spell_scalar(3 / 255), spell_scalar(True), spell_scalar("a,b"), spell_scalar(None)
    ('8/255', '3/255', 'true', '"a,b"', 'none')
    """
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _spell_number(value)
        case str() | PurePath():
            text = str(value)
            return text if _SAFE.fullmatch(text) and read_literal(text) == text else quote(text)
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be spelled as text")


def natural_sort_key(text: str) -> list[tuple[float, str]]:
    """Return a sort key that compares the numbers in texts by value, fractions included, and the rest by letters.

    >>> sorted(["saturate:p=1024", "saturate:p=8", "pgd:eps=4/255", "pgd:eps=1/255", "clean"], key=natural_sort_key)
    ['clean', 'pgd:eps=1/255', 'pgd:eps=4/255', 'saturate:p=8', 'saturate:p=1024']
    """
    pieces = _NUMBER.split(text)
    return [(0.0, pieces[0]), *zip(map(parse_number, pieces[1::2]), pieces[2::2], strict=True)]


def read_literal(text: str) -> str | float | bool | None:
    """Convert unquoted free-form text to the type it looks like: none, true, false, a number, or else text.

    >>> read_literal("true"), read_literal("3"), read_literal("1/2"), read_literal("same")
    (True, 3, 0.5, 'same')
    """
    words = {"none": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return parse_number(text)
    except ValueError:
        return text
