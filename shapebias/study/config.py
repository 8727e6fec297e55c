"""Settings of studies and recipes: read from TOML, with every problem reported at once, and written to TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from shapebias.errors import ShapebiasError, StudyError, listed, suggestion, with_article
from shapebias.paths import as_path
from shapebias.plugins.catalog import Component, default_catalog
from shapebias.plugins.specs import Kind
from shapebias.spelling.grammar import spell_label

__all__ = ["component", "each", "is_whole", "parse_toml", "path", "structure", "to_toml", "validator"]

_Settings = TypeVar("_Settings", bound=attrs.AttrsInstance)


def component(kinds: tuple[Kind, ...], given: object, label: str | None = None) -> Component:
    """Make a component of what a user may give: text, settings built in Python, or a component.

    Raises:
        ShapebiasError: the text cannot be read, or the component is of another kind.
    """
    if isinstance(given, Component):
        found = given
    elif isinstance(given, str):
        found = default_catalog().component(kinds, given)
    else:
        found = default_catalog().wrap(kinds, given)
    if found.kind not in kinds:
        raise StudyError(f"{found.text!r} is {with_article(found.kind)}; expected {with_article(' or '.join(kinds))}")
    return attrs.evolve(found, label=label or found.label)


def each(name: str, read: Callable[[object, str | None], Any], given: Any) -> tuple[Any, ...]:
    """Read one item, a list of items, or a mapping from labels to items; report all that cannot be read.

    Args:
        name: the field, for messages.
        read: reads one item, perhaps with a label.
        given: the value that the user gave.

    Raises:
        StudyError: some cannot be read.
    """
    if isinstance(given, Mapping):
        things = [(f"{name}.{label}", thing, label) for label, thing in given.items()]
    elif isinstance(given, str) or callable(given) or not isinstance(given, Iterable):
        things = [(name, given, None)]
    else:
        things = [(f"{name}[{position}]", thing, None) for position, thing in enumerate(given)]
    found, errors, problems = [], [], []
    for path, thing, label in things:
        try:
            found.append(read(thing, label))
        except ShapebiasError as error:
            errors.append(error)
            problems.append(f"{path}: {error}".replace("\n", "\n    "))
    if problems:
        raise StudyError("\n".join(problems)) from ExceptionGroup(name, errors)
    return tuple(found)


def path(value: Any) -> Any:
    """Converter: text becomes a path."""
    return as_path(value) if isinstance(value, str) else value


def validator(wanted: str, good: Callable[[Any], bool]) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Make a validator of a single value; a default is always valid."""

    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is not field.default and not good(value):
            raise StudyError(f"{field.name}: must be {wanted}, got {value!r}")

    return validate


def is_whole(value: object, least: int) -> bool:
    """Return whether a value is a whole number from ``least`` to 2**63 - 1; true and false are not numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Read TOML.

    Args:
        text: the TOML.
        name: the file's name, for messages.

    Raises:
        StudyError: the text is not TOML.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; so is a number of too many digits
        raise StudyError(f"{name} is not valid TOML: {error}") from error
    except RecursionError:
        raise StudyError(f"{name} is not valid TOML: its lists or tables are nested too deeply") from None


def structure(cls: type[_Settings], content: Mapping[str, Any], name: str) -> _Settings:
    """Make settings from plain values, and report every problem at once, with its path.

    Args:
        cls: a frozen attrs class; a field without a default is required.
        content: the values, by the names of the fields.
        name: the name of their source, for messages.

    Raises:
        StudyError: a key or value is wrong.
    """
    fields = attrs.fields_dict(cls)
    valid = ", ".join(fields)
    errors: list[ShapebiasError] = [
        StudyError(f"{key}: unknown key{suggestion(key, fields)} (valid: {valid})")
        for key in content
        if key not in fields
    ]
    required = [key for key, field in fields.items() if field.default is attrs.NOTHING]
    errors += [StudyError(f"{key}: is missing") for key in required if key not in content]
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in content:
            try:
                values[key] = _settle(cls, field, content[key])
            except ShapebiasError as error:
                errors.append(error)
    try:
        if not errors:
            return cls(**values)
    except StudyError as error:
        errors.append(error)
    raise StudyError(
        listed(f"{name} cannot run:", [str(error).removeprefix(f"{cls.__name__}: ") for error in errors])
    ) from ExceptionGroup(name, errors)


def _settle(cls: type, field: Any, value: Any) -> Any:
    """Convert and check one value, as the constructor of the settings does."""
    blank: Any = object.__new__(cls)  # some converters ask for the class
    if convert := field.converter:
        value = convert(*((value, blank, field) if isinstance(convert, attrs.Converter) else (value,)))
    if field.validator:
        field.validator(blank, field, value)
    return value


def to_toml(settings: attrs.AttrsInstance) -> str:
    """Write settings as TOML that :func:`parse_toml` and :func:`structure` read as equal ones; None is left out."""
    import tomli_w

    values = {field.name: getattr(settings, field.name) for field in attrs.fields(type(settings))}
    return tomli_w.dumps({name: _plain(value) for name, value in values.items() if value is not None})


def _plain(value: Any) -> Any:
    """Turn a component or a condition into its labelled text, a path into text, a tuple into a list."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return spell_label(value.label, value.canonical) if hasattr(value, "canonical") else value
