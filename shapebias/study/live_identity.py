"""Hash a user's function: its code, its defaults, and the values it refers to."""

from __future__ import annotations

import functools
import hashlib
import inspect
import logging
import uuid
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from shapebias.errors import ShapebiasError

__all__ = ["identify"]

_log = logging.getLogger(__name__)


class _UnknownContentError(ShapebiasError):
    """A value has no content that can be hashed."""


def identify(name: str, function: object) -> str:
    """Hash a function by its code and the values it refers to.

    If one of these cannot be hashed, the result is unique to this object, and a warning in the log says so.

    >>> identify("half", lambda images: images / 2) == identify("half", lambda images: images / 2)
    True
    >>> identify("half", lambda images: images / 2) == identify("half", lambda images: images / 3)
    False
    """
    digest = hashlib.sha256()
    try:
        _hash_into(digest, function, set())
    except _UnknownContentError as error:
        _log.warning("%r cannot be recognised in a later run, which will compute its answers again: %s", name, error)
        return f"this object only: {uuid.uuid4()}"
    return digest.hexdigest()


def _hash_into(digest: hashlib._Hash, value: object, seen: set[int]) -> None:
    if id(value) in seen and not isinstance(value, (bool, int, float, complex, str, bytes)):
        return
    seen.add(id(value))
    digest.update(type(value).__qualname__.encode())
    own = _own_bytes(value)
    if own is not None:
        digest.update(own)
    for part in _parts(value) if own is None or isinstance(value, CodeType) else ():
        _hash_into(digest, part, seen)


def _own_bytes(value: Any) -> bytes | None:
    """Return the bytes that identify a value; None if it consists of parts."""
    import numpy as np

    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value).encode()
    if isinstance(value, CodeType):
        return value.co_code + repr(value.co_names).encode()
    if isinstance(value, (ModuleType, type)) or inspect.isbuiltin(value):
        return f"{getattr(value, '__module__', '')} {value.__name__}".encode()
    if hasattr(value, "state_dict") and hasattr(value, "named_modules"):
        from shapebias.networks.state_hash import hash_state

        return f"{value!r} {hash_state(value)}".encode()
    if hasattr(value, "detach") or isinstance(value, np.ndarray):
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
        return f"{array.shape} {array.dtype}".encode() + array.tobytes()
    return None


def _parts(value: Any) -> Iterable[object]:
    """Return the parts of a value.

    Raises:
        _UnknownContentError: its parts are unknown.
    """
    parts: Iterable[object]
    match value:
        case CodeType():
            parts = value.co_consts
        case FunctionType():
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            named = [value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__]
            parts = [value.__code__, value.__defaults__, value.__kwdefaults__, *cells, *named]
        case MethodType():
            parts = [value.__func__, value.__self__]
        case functools.partial():
            parts = [value.func, value.args, value.keywords]
        case Mapping():
            parts = [entry for pair in sorted(value.items(), key=repr) for entry in pair]
        case set() | frozenset():
            parts = sorted(value, key=repr)
        case list() | tuple():
            parts = value
        case _ if hasattr(value, "__dict__"):
            parts = [type(value), vars(value)]
        case _:
            raise _UnknownContentError(f"it refers to a {type(value).__name__}")
    return parts
