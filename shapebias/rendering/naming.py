"""Errors of plugins that name the condition."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shapebias.errors import PluginError, ShapebiasError
from shapebias.study import Condition

__all__ = ["naming"]


@contextlib.contextmanager
def naming(condition: Condition) -> Iterator[None]:
    """Name the condition in the error of a plugin.

    Raises:
        PluginError: a plugin raised an error that is not a :class:`ShapebiasError`; a ShapebiasError passes unchanged.
    """
    try:
        yield
    except ShapebiasError:
        raise
    except Exception as error:
        raise PluginError(f"{condition.title} fails: {type(error).__name__}: {error}") from error
