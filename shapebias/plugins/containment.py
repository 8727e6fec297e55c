"""Prevent the code of plugins from ending the process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shapebias.errors import PluginError

__all__ = ["contained"]


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
