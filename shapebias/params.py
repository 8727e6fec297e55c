"""Parameters of plugins: fields of a frozen attrs class, read from and written as ``name:key=value`` text.

The class is the single source: its field types, defaults and bounds drive parsing, validation, the canonical text that
identifies a result, and the tables of ``shapebias show``.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from shapebias.errors import SpellingError, listed, suggestion
from shapebias.grammar import Argument, Spelling, parse_number, quote, read_literal, spell_scalar

__all__ = ["Options", "Parameter", "build", "describe", "files_named", "numbers", "param", "spell"]

_Target = TypeVar("_Target", bound=attrs.AttrsInstance)
_Scalar = str | float | bool | None
_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
    "<=": lambda value, bound: value <= bound,
    "<": lambda value, bound: value < bound,
}


@attrs.frozen(init=False)
class Options(Mapping[str, _Scalar]):
    """Free-form options of a constructor, spelled ``prefix.key=value`` where ``prefix`` is the field's name.

    >>> Options(pad_type="same")["pad_type"]
    'same'
    """

    _items: tuple[tuple[str, _Scalar], ...]

    def __init__(self, *mapping: Mapping[str, _Scalar], **options: _Scalar) -> None:
        merged = {**(mapping[0] if mapping else {}), **options}
        self.__attrs_init__(tuple(sorted(merged.items())))

    def __getitem__(self, key: str) -> _Scalar:
        return dict(self._items)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._items))

    def __len__(self) -> int:
        return len(self._items)


def numbers(value: float | Iterable[float]) -> tuple[float, ...]:
    """Converter for list-valued parameters: one number becomes a list of one.

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
) -> Any:
    """Declare one parameter of a plugin: an attrs field with documentation and bounds.

    Args:
        help: what the parameter is, in a few words.
        default: its default; without one the parameter must be given.
        ge, gt, le, lt: bounds of the number, or of every number of a list.
        unit: unit of the number, for example ``"pixel value"``.
        converter: applied first, for example :func:`numbers`.

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
        converter=converter,
        validator=_validate,
        metadata={"help": help, "unit": unit, "bounds": bounds},
    )


def _validate(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    problem = _problem(type(instance), field, value)
    if problem:
        raise SpellingError(f"{type(instance).__name__}: {field.name}: {problem}")


def _problem(cls: type, field: attrs.Attribute[Any], value: object) -> str | None:
    """Say what is wrong with a field's value, if anything: first its type, then its bounds."""
    kind = field_types(cls)[field.name]
    if not _fits(value, kind):
        return f"must be {type_text(kind)}, got {value!r}"
    for number in value if isinstance(value, tuple) else (value,):
        for sign, limit in field.metadata.get("bounds", {}).items():
            if isinstance(number, int | float) and not _BOUNDS[sign](number, limit):
                return f"must be {sign} {spell_scalar(limit)}, got {spell_scalar(number)}"
    return None


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """Resolve the annotations of an attrs class."""
    return typing.get_type_hints(cls)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _fits(value: object, kind: Any) -> bool:  # noqa: PLR0911 - one line a type
    if _is_union(kind):
        return any(_fits(value, member) for member in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(kind)[0]) for item in value)
    if kind is None or kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, get_origin(kind) or kind)


def type_text(kind: Any) -> str:
    """Name a type as a user would: ``a number``, ``one of a|b``, ``a file``.

    >>> type_text(float), type_text(Literal["linf", "l2"]), type_text(tuple[int, ...])
    ('a number', 'one of linf|l2', 'a list (each a whole number)')
    """
    if _is_union(kind):
        return " or ".join(type_text(member) for member in get_args(kind))
    if get_origin(kind) is Literal:
        members = [str(member) for member in get_args(kind)]
        return members[0] if len(members) == 1 else "one of " + "|".join(members)
    if get_origin(kind) is tuple:
        return f"a list (each {type_text(get_args(kind)[0])})"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    return {**names, type(None): "none", Options: "free options"}.get(kind, str(kind))


def _read(values: Sequence[Argument], kind: Any) -> Any:
    """Give the text of one parameter its type; ``ValueError`` where it has none."""
    if get_origin(kind) is tuple:
        if len(values) == 1 and values[0].text == "" and not values[0].quoted:
            return ()
        return tuple(_read([value], get_args(kind)[0]) for value in values)
    if _is_union(kind):
        return _read_union(values, get_args(kind))
    (value,) = values
    if kind in (str, Path):
        return kind(value.text)
    if get_origin(kind) is Literal:
        return next(member for member in get_args(kind) if str(member) == value.text)
    return _read_plain(value, kind)


def _read_union(values: Sequence[Argument], members: Sequence[Any]) -> Any:
    """Try the narrow types before text and paths, which take anything."""
    for member in sorted(members, key=lambda member: member in (str, Path)):
        if len(values) == 1 and values[0].quoted and member not in (str, Path):
            continue
        try:
            return _read(values, member)
        except (ValueError, StopIteration):
            continue
    raise ValueError


def _read_plain(value: Argument, kind: Any) -> Any:
    literal = read_literal(value.text)
    if kind is float:
        return parse_number(value.text)
    if kind is int and isinstance(literal, float) and literal.is_integer() and "/" not in value.text:
        return int(literal)  # 1e4 is a whole number
    if kind in (int, bool, type(None)) and type(literal) is kind:
        return literal
    raise ValueError


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
    fields = attrs.fields_dict(cls)
    for key, values in _assign(cls, spelling, problems).items():
        name, _, option = key.partition(".")
        kind = field_types(cls)[name]
        if kind is Options:
            value = values[0].text if values[0].quoted else read_literal(values[0].text)
            found[name] = Options({**found.get(name, {}), option: value})
            continue
        try:
            found[name] = _read(values, kind)
        except (ValueError, StopIteration):
            problems.append(f"{name}: must be {type_text(kind)}, got {','.join(value.text for value in values)!r}")
            continue
        problem = _problem(cls, fields[name], found[name])
        if problem:
            problems.append(f"{name}: {problem}")
    missing = [field.name for field in fields.values() if field.default is attrs.NOTHING and field.name not in found]
    problems += [f"{name}: is missing" for name in missing if not any(text.startswith(name) for text in problems)]
    if problems:
        valid = [f"{row.name}: {row.type}, default {row.default}; {row.help}" for row in describe(cls)]
        title = f"{spelling.name}: {len(problems)} bad parameter{'s' * (len(problems) > 1)}"
        about = listed(f"parameters of {spelling.name}:", valid) if valid else f"{spelling.name} has no parameters"
        raise SpellingError(f"{listed(title, problems)}\n{about}")
    try:
        return cls(**found)
    except (TypeError, ValueError) as error:  # a check of the plugin's own
        raise SpellingError(f"{spelling.name}: {error}") from error


def _assign(cls: type, spelling: Spelling, problems: list[str]) -> dict[str, list[Argument]]:
    """Give each argument to its parameter: by key, by place for a leading bare value, or to the list before it."""
    kinds = field_types(cls)
    names = [field.name for field in attrs.fields(cls)]
    assigned: dict[str, list[Argument]] = {}
    last: str | None = None
    for place, argument in enumerate(spelling.arguments):
        if argument.key is None:
            if place == 0 and names:
                last = names[0]
                assigned[last] = [argument]
            elif last is not None and get_origin(kinds.get(last)) is tuple:
                assigned[last].append(argument)
            else:
                problems.append(f"{argument.text!r}: has no name; write name=value, or quote a value that has a comma")
            continue
        last, problem = argument.key, _misnamed(argument.key, kinds, names, assigned)
        if problem:
            problems.append(problem)
            last = None
        else:
            assigned[argument.key] = [argument]
    return assigned


def _misnamed(key: str, kinds: Mapping[str, Any], names: list[str], assigned: Mapping[str, object]) -> str | None:
    name, dot, option = key.partition(".")
    if name not in names:
        return f"{key}: unknown parameter{suggestion(name, names)}"
    if (kinds[name] is Options) != bool(dot and option):
        return f"{key}: write {name}.OPTION=value" if kinds[name] is Options else f"{key}: unknown parameter"
    return f"{key}: is given twice" if key in assigned else None


def spell(name: str, settings: Any, *, full: bool = True) -> str:
    """Write settings as text that :func:`shapebias.grammar.parse` and :func:`build` read back into an equal object.

    Args:
        name: the plugin's name.
        settings: an instance of its frozen attrs class.
        full: write every parameter (the canonical text, an identity), or only the first and those that are not at
            their default (for tables and axes).
    """
    pieces = []
    for place, field in enumerate(_spelled_fields(type(settings))):
        value = getattr(settings, field.name)
        if isinstance(value, Options):
            pieces += [f"{field.name}.{key}={spell_scalar(option)}" for key, option in value.items()]
        elif full or place == 0 or value != _default(field):
            bare = not full and place == 0 and field.default is attrs.NOTHING
            pieces.append(_spell_value(value) if bare else f"{field.name}={_spell_value(value)}")
    return f"{name}:{','.join(pieces)}" if pieces else name


def _spelled_fields(cls: type) -> list[attrs.Attribute[Any]]:
    """List the fields that are settings; a live network beside them is not."""
    return [field for field in attrs.fields(cls) if field.metadata.get("spelled", True)]


def _spell_value(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(spell_scalar(item) for item in value) if value != ("",) else quote("")
    return spell_scalar(value)


def _default(field: attrs.Attribute[Any]) -> object:
    return field.converter(field.default) if callable(field.converter) else field.default


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
    for field in attrs.fields(cls):
        kind = field_types(cls)[field.name]
        default = "(required)" if field.default is attrs.NOTHING else _describe_default(_default(field))
        bounds = ", ".join(f"{sign} {spell_scalar(limit)}" for sign, limit in field.metadata.get("bounds", {}).items())
        unit, help_text = field.metadata.get("unit", ""), field.metadata.get("help", "")
        name = f"{field.name}.OPTION" if kind is Options else field.name
        rows.append(Parameter(name, type_text(kind), default, unit, bounds, help_text))
    return rows


def _describe_default(default: object) -> str:
    return "(none)" if isinstance(default, attrs.Factory | Options) else _spell_value(default)


def files_named(settings: Any) -> list[Path]:
    """List the files and folders that settings name: their content is part of what the settings mean."""
    values: list[Hashable] = [getattr(settings, field.name) for field in attrs.fields(type(settings))]
    return [value for value in values if isinstance(value, Path)]
