"""Parameters of plugins: fields of a frozen attrs class, read from and written as ``name:key=value`` text.

Parsing, validation, the canonical text that identifies a result, and the tables of ``shapebias show`` all follow from
the field types, defaults and bounds of this class.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from shapebias.errors import PluginError, SpellingError, listed, suggestion
from shapebias.paths import as_path, printable
from shapebias.spelling.former import former_names, former_words, updated
from shapebias.spelling.grammar import Argument, Spelling, quote, read_literal, spell_scalar
from shapebias.spelling.param_types import Options, fits, has_spelling, is_list, read, type_text

__all__ = ["Options", "Parameter", "build", "describe", "files_named", "numbers", "param", "spell"]

_Target = TypeVar("_Target", bound=attrs.AttrsInstance)
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
    "<=": lambda value, bound: value <= bound,
    "<": lambda value, bound: value < bound,
}


# Limits of parameters without an upper bound; larger numbers would exhaust the memory, float32 or any running time.
_LARGEST_COUNT = 10**7
_LARGEST_SIDE = 2**13
_LARGEST_NUMBER = 1e15
_SMALLEST_NUMBER = 1e-30


def numbers(value: float | Iterable[float]) -> tuple[float, ...]:
    """Convert the value of a list-valued parameter: one number becomes a list of one.

    Args:
        value: a number, or several.

    >>> numbers(0.5), numbers([1, 2])
    ((0.5,), (1, 2))
    """
    return (value,) if isinstance(value, int | float) else tuple(value)


def param(
    help: str,  # noqa: A002 - the word that click and argparse use
    *,
    default: Any = attrs.NOTHING,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    unit: str = "",
    converter: Callable[[Any], Any] | None = None,
    formerly: tuple[str, ...] = (),
    implied: bool = False,
) -> Any:
    """Declare one parameter of a plugin: an attrs field with documentation and bounds.

    Args:
        help: what the parameter is, in a few words.
        default: its default; a parameter without one is required.
        ge, gt, le, lt: bounds of the number, or of every number of a list.  Without ``le`` and ``lt``, whole numbers
            are at most 10 million (8,192 in pixels) and others 1e15 in magnitude; numbers but 0 are at least 1e-30.
        unit: unit of the number, for example ``"pixel value"``.
        converter: applied first, for example :func:`numbers`; without one, text becomes a path and a list a tuple where
            only these fit.
        formerly: earlier names of the parameter.  They are read in texts that an earlier version stored; in a study, a
            recipe or a command they are refused with an error that names the current one.
        implied: the name alone implies the default, so that short texts do not repeat it: ``grayscale``, not
            ``grayscale:alpha=1``.

    Raises:
        SpellingError: when settings are made: a value has the wrong type or is out of bounds.

    >>> @attrs.frozen
    ... class Blur:
    ...     sigma: float = param("width of the Gaussian", default=2.0, gt=0, unit="pixels")
    >>> Blur(sigma=-1)
    Traceback (most recent call last):
    shapebias.errors.SpellingError: Blur: sigma: must be > 0, got -1
    """
    bounds = {sign: limit for sign, limit in {">=": ge, ">": gt, "<=": le, "<": lt}.items() if limit is not None}
    return attrs.field(
        default=default,
        converter=converter or attrs.Converter(_accept, takes_self=True, takes_field=True),
        validator=_validate,
        metadata={"help": help, "unit": unit, "bounds": bounds, "formerly": formerly, "implied": implied},
    )


def _accept(value: object, instance: Any, field: attrs.Attribute[Any]) -> object:
    """Convert what Python users write: text to a path, a list to a tuple, a dictionary to free options."""
    cls: type = type(instance)
    kind = field_types(cls)[field.name]
    if isinstance(value, list | tuple):
        return tuple(as_path(item) if isinstance(item, Path) else item for item in value)
    if isinstance(value, dict) and kind is Options:
        return Options(value)
    if isinstance(value, str) and not fits(value, kind) and fits(Path(value), kind):
        return as_path(value)
    return as_path(value) if isinstance(value, Path) else value


def _validate(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    problem = _problem(type(instance), field, value)
    if problem:
        raise SpellingError(f"{type(instance).__name__}: {field.name}: {problem}")


def _problem(cls: type, field: attrs.Attribute[Any], value: object) -> str | None:
    """Return what is wrong with a field's value, if anything: first its type, then its bounds."""
    kind = field_types(cls)[field.name]
    if not fits(value, kind):
        return f"must be {type_text(kind)}, got {value!r}{_renamed_word(cls, field.name, value)}"
    items = value if isinstance(value, tuple) else (value,)
    for text in items:
        if isinstance(text, str | Path) and printable(text) != str(text):
            return f"{printable(text)} is not UTF-8, so results could not record it; rename it, or give a link to it"
    for number in items:
        for sign, limit in field.metadata.get("bounds", {}).items():
            if isinstance(number, int | float) and not _BOUNDS[sign](number, limit):
                return f"must be {sign} {spell_scalar(limit)}, got {_shown(number)}"
        if isinstance(number, int | float) and not isinstance(number, bool):
            problem = _size_problem(field, kind, number)
            if problem:
                return problem
    return None


def _size_problem(field: attrs.Attribute[Any], kind: Any, number: float) -> str | None:
    """Refuse a number that is too large or too small to compute with, if the parameter has no bound of its own."""
    bounded = {"<=", "<"} & set(field.metadata.get("bounds", {}))
    if fits(0.5, kind) or fits((0.5,), kind):
        largest: float = _LARGEST_NUMBER
        if 0 < abs(number) < _SMALLEST_NUMBER:
            return f"must be 0 or at least {_SMALLEST_NUMBER:g} in magnitude, got {_shown(number)}"
    else:
        largest = _LARGEST_SIDE if field.metadata.get("unit") == "pixels" else _LARGEST_COUNT
    if bounded or abs(number) <= largest:
        return None
    limit = str(largest) if isinstance(largest, int) else f"{largest:g}".replace("e+", "e")
    return f"must be {'<= ' if number > 0 else '>= -'}{limit}, got {_shown(number)}"


def _shown(number: float) -> str:
    """Write a number for a message; of a number with hundreds of digits give only the size."""
    if isinstance(number, int) and abs(number) >= _LARGEST_NUMBER:
        return f"a number of {len(f'{abs(number):x}') * 4} bits" if abs(number) >= 2**1000 else str(number)
    return spell_scalar(number)


def _renamed_word(cls: type, name: str, value: object) -> str:
    today = former_words(cls).get(name, {}).get(str(value))
    return f"; {value} is now called {today}" if today else ""


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """Resolve the types of the parameters of a settings class.

    Raises:
        PluginError: a type cannot be resolved at run time, or is not one that text can spell.
    """
    try:
        hints = typing.get_type_hints(cls)
    except NameError as error:
        raise PluginError(
            f"{cls.__qualname__}: {error}; import the types of parameters at run time, not only under TYPE_CHECKING"
        ) from error
    kinds = {field.name: hints.get(field.name) for field in _parameters(cls)}
    for name, kind in kinds.items():
        if not has_spelling(kind):
            raise PluginError(
                f"{cls.__qualname__}: {name} has the type {kind}, which is not supported; use int, float, bool, str, "
                "Path, Literal, tuple[X, ...], unions of these, or Options"
            )
    return kinds


def _parameters(cls: type) -> list[attrs.Attribute[Any]]:
    """List the fields that are parameters; a field that holds a live network is not one."""
    return [field for field in attrs.fields(cls) if field.init and field.metadata.get("spelled", True)]


def build(cls: type[_Target], spelling: Spelling) -> _Target:
    """Make the settings that a spelling describes.

    Args:
        cls: a frozen attrs class whose fields are made with :func:`param`.
        spelling: the parsed text.

    Raises:
        SpellingError: lists every bad parameter together, then the valid ones.
    """
    problems: list[str] = []
    found: dict[str, Any] = {}
    spelling = updated(cls, spelling)
    assigned = _assign(cls, spelling, problems)
    for key, values in assigned.items():
        name, _, option = key.partition(".")
        kind = field_types(cls)[name]
        if kind is Options:
            value = values[0].text if values[0].quoted else read_literal(values[0].text)
            found[name] = Options({**found.get(name, {}), option: value})
            continue
        try:
            found[name] = read(values, kind)
        except ValueError:
            written = ",".join(quote(value.text) if value.quoted else value.text for value in values)
            problems.append(f"{name}: must be {type_text(kind)}, got {written!r}{_renamed_word(cls, name, written)}")
            continue
        problem = _problem(cls, getattr(attrs.fields(cls), name), found[name])
        if problem:
            problems.append(f"{name}: {problem}")
    required = [field.name for field in _parameters(cls) if field.default is attrs.NOTHING]
    problems += [f"{name}: is missing" for name in required if name not in assigned]
    if problems:
        title = f"{spelling.name}: {len(problems)} bad parameter{'s' * (len(problems) > 1)}"
        raise SpellingError(f"{listed(title, problems)}\n{_valid(spelling.name, cls)}")
    try:
        return cls(**found)
    except (TypeError, ValueError) as error:  # from the plugin's own check
        raise SpellingError(f"{spelling.name}: {error}") from error


def _valid(name: str, cls: type) -> str:
    rows = [
        f"{row.name}: {row.type}{f' {row.bounds}' * bool(row.bounds)}, default {row.default}; {row.help}"
        for row in describe(cls)
    ]
    return listed(f"parameters of {name}:", rows) if rows else f"{name} has no parameters"


def _assign(cls: type, spelling: Spelling, problems: list[str]) -> dict[str, list[Argument]]:
    """Assign each argument to a parameter: by key, to the first one if it leads, or to the list before it."""
    kinds = field_types(cls)
    first = next(iter(kinds), None)
    assigned: dict[str, list[Argument]] = {}
    last: str | None = None
    for position, argument in enumerate(spelling.arguments):
        if argument.key is not None:
            problem = _misnamed(argument.key, cls, assigned)
            last = None if problem else argument.key
        elif position == 0 and first is not None and kinds[first] is not Options:
            problem, last = None, first
        elif last is not None and is_list(kinds.get(last)):
            assigned[last].append(argument)
            continue
        else:
            problem = f"{argument.text!r}: has no name; write name=value, or quote a value that has a comma"
        if problem:
            problems.append(problem)
        elif last is not None:
            assigned[last] = [argument]
    return assigned


def _misnamed(key: str, cls: type, assigned: Mapping[str, object]) -> str | None:
    kinds = field_types(cls)
    name, _, option = key.partition(".")
    if name in former_names(cls):
        return f"{key}: is now called {former_names(cls)[name]}"
    if name not in kinds:
        return f"{key}: unknown parameter{suggestion(name, kinds)}"
    if kinds[name] is Options and not option:
        return f"{key}: write {name}.OPTION=value"
    if kinds[name] is not Options and name != key:
        return f"{key}: unknown parameter; {name} has no options"
    return f"{key}: is given twice" if key in assigned else None


def spell(name: str, settings: Any, *, full: bool = True) -> str:
    """Write settings as text that :func:`build` reads back into an equal object.

    Args:
        name: the plugin's name.
        settings: an instance of its frozen attrs class.
        full: write every parameter (the canonical text, which identifies results); else, for tables and axes, write
            those that differ from their default, and the first unless it is none or implied.
    """
    pieces = []
    for position, field in enumerate(_parameters(type(settings))):
        value = getattr(settings, field.name)
        if isinstance(value, Options):
            pieces += [f"{field.name}.{key}={spell_scalar(option)}" for key, option in value.items()]
        elif full or value != _default(field) or (position == 0 and value is not None and not _is_implied(field)):
            bare = (
                not full
                and position == 0
                and (field.default is attrs.NOTHING or isinstance(value, Path))
                and value != ()
            )
            pieces.append(_spell_value(value) if bare else f"{field.name}={_spell_value(value)}")
    return f"{name}:{','.join(pieces)}" if pieces else name


def _is_implied(field: attrs.Attribute[Any]) -> bool:
    return bool(field.metadata.get("implied"))


def _spell_value(value: Any) -> str:
    return ",".join(map(spell_scalar, value)) if isinstance(value, tuple) else spell_scalar(value)


def _default(field: attrs.Attribute[Any]) -> Any:
    """Return the default of a field after conversion; ``attrs.NOTHING`` if the field is required."""
    default: Any = field.default
    converter: Any = field.converter
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    if default is attrs.NOTHING or converter is None or isinstance(converter, attrs.Converter):
        return default
    return converter(default)


@attrs.frozen
class Parameter:
    """One row of a plugin's parameter table."""

    name: str
    type: str
    default: str
    unit: str
    bounds: str
    help: str


def describe(cls: type) -> list[Parameter]:
    """List the parameters of a settings class, in order.

    >>> @attrs.frozen
    ... class Blur:
    ...     sigma: float = param("width of the Gaussian", default=2.0, gt=0, unit="pixels")
    >>> describe(Blur)[0].default, describe(Blur)[0].bounds
    ('2', '> 0')
    """
    rows = []
    for field in _parameters(cls):
        kind = field_types(cls)[field.name]
        bounds = " and ".join(
            f"{sign} {spell_scalar(limit)}" for sign, limit in field.metadata.get("bounds", {}).items()
        )
        unit, help_text = field.metadata.get("unit", ""), field.metadata.get("help", "")
        name = f"{field.name}.OPTION" if kind is Options else field.name
        rows.append(Parameter(name, type_text(kind), _describe_default(_default(field)), unit, bounds, help_text))
    return rows


def _describe_default(default: Any) -> str:
    if default is attrs.NOTHING:
        return "(required)"
    if isinstance(default, Options):
        default = tuple(f"{key}={spell_scalar(value)}" for key, value in default.items())
        return ",".join(default) or "(none)"
    return _spell_value(default) or "(none)"


def files_named(settings: Any) -> list[Path]:
    """List the files and folders that settings name: their content is part of what identifies a result.

    Settings that read only some files of a folder return them from a method ``files()``.
    """
    if callable(own := getattr(settings, "files", None)):
        return list(own())
    values = [getattr(settings, field.name) for field in _parameters(type(settings))]
    items = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [item for item in items if isinstance(item, Path)]
