"""Prevent the code of plugins from ending the process, and name the plugin in its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shapebias.errors import PluginError, ShapebiasError

__all__ = ["attributed", "contained"]


@contextlib.contextmanager
def contained(plugin: str) -> Iterator[None]:
    """Turn an exception that would end the process, such as ``SystemExit``, into an error; Ctrl-C still ends it.

    Args:
        plugin: the plugin's name in messages.

    Raises:
        PluginError: the plugin raised an exception that is not an ``Exception``.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{plugin} raised {type(error).__name__}, which would end the whole run: {error}") from error


@contextlib.contextmanager
def attributed(plugin: str) -> Iterator[None]:
    """Turn every exception into an error that names the plugin; errors of shapebias and Ctrl-C pass.

    Args:
        plugin: the plugin's name in messages.

    Raises:
        PluginError: the plugin raised an exception that is not a :class:`~shapebias.errors.ShapebiasError`.

    >>> with attributed("metric broken"):
    ...     1 / 0
    Traceback (most recent call last):
    shapebias.errors.PluginError: metric broken raised ZeroDivisionError: division by zero
    """
    try:
        with contained(plugin):
            yield
    except ShapebiasError:
        raise
    except Exception as error:
        raise PluginError(f"{plugin} raised {type(error).__name__}: {error}") from error
