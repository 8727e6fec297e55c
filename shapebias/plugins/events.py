"""Call the hooks that react: all plugins share one plugin manager, and a hook that fails never stops a run."""

from __future__ import annotations

import functools
import logging
import warnings
from typing import Any

import pluggy

from shapebias.plugins import hookspecs
from shapebias.plugins.catalog import Catalog, default_catalog
from shapebias.plugins.discovery import EVENTS, GROUP

__all__ = ["manager", "notify"]

_log = logging.getLogger(__name__)


def manager() -> pluggy.PluginManager:
    """Return the plugin manager of the hooks that react, with every plugin that implements one.

    A notebook can register an object here instead of a plugin: ``manager().register(MyHooks())``.
    """
    return _manager(default_catalog())


@functools.lru_cache(maxsize=1)
def _manager(catalog: Catalog) -> pluggy.PluginManager:
    shared = pluggy.PluginManager(GROUP)
    shared.add_hookspecs(hookspecs)
    for plugin in reversed(catalog.plugins):  # pluggy calls the last one first
        if {*plugin.hooks} & {*EVENTS} and not shared.is_registered(plugin.module):
            shared.register(plugin.module, name=f"{plugin.title} from {plugin.source}")
    return shared


def notify(event: str, **arguments: Any) -> None:
    """Call one hook of every plugin that implements it; a failure is a warning that names the plugin.

    Args:
        event: the hook, for example ``"shapebias_run_started"``.
        arguments: its arguments, by name.
    """
    shared = manager()
    for hook in reversed(getattr(shared.hook, event).get_hookimpls()):  # pluggy's order of calls
        try:
            hook.function(**{name: arguments[name] for name in hook.argnames})
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises must not stop the run
            _warn(f"plugin {hook.plugin_name}: {event} failed: {type(error).__name__}: {error}", error)


def _warn(text: str, error: BaseException) -> None:
    _log.info(text, exc_info=error)
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:  # python -W error
        _log.warning(text)
